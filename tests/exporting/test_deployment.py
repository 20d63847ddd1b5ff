from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.data.batches import Batches
from edgekit.data.dataset import Split
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.recipe.data import Normalize
from edgekit.signature import Tensor

IMAGE, FEATURES = "image: uint8[N,6,5,3]", "features: float32[N,4]"
RGB = {"mean": (0.1, 0.5, 0.3), "std": (0.2, 0.03, 0.4)}


def deployment(line: str, output: str = "logits", **said) -> Deployment:
    return Deployment(Tensor.parse(line), output, **said)


def seen(said: Deployment, inputs: np.ndarray) -> np.ndarray:
    """Return what the network inside is given."""
    return Deployed(nn.Identity(), said)(torch.from_numpy(inputs)).numpy()


def trained_on(inputs: np.ndarray, normalize: Normalize | None) -> np.ndarray:
    split = Split(inputs, np.zeros(len(inputs), np.int64))
    return next(Batches(split, batch=9, seed=0, normalize=normalize, augment=None).in_order()).inputs


@pytest.mark.parametrize(
    "said",
    [RGB, {"mean": (0.3,), "std": (0.4,)}, {"mean": (0.0,), "std": (1.0,)}, {}],
    ids=["by channel", "one for all", "neutral", "none"],
)
def test_an_image_reaches_the_network_as_training_showed_it(images, said):
    normalize = Normalize(**{name: list(values) for name, values in said.items()}) if said else None
    given = seen(deployment(IMAGE, **said), images[:9])
    assert given.dtype == np.float32
    assert given.shape == (9, 3, 6, 5)
    np.testing.assert_array_equal(given, trained_on(images[:9], normalize))


def test_an_image_of_all_values_is_normalised_as_the_formula_says():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    given = seen(deployment("image: uint8[N,16,16,1]", mean=(0.286,), std=(0.353,)), pixels)
    np.testing.assert_allclose(given[:, 0], (pixels[..., 0] / 255 - 0.286) / 0.353, atol=1e-6)


def test_an_image_lies_in_memory_as_any_tensor_does():
    pixels = np.zeros((2, 6, 5, 1), np.uint8)
    x = Deployed(nn.Identity(), deployment("image: uint8[N,6,5,1]"))(torch.from_numpy(pixels))
    assert x.stride() == (30, 30, 5, 1)


def test_features_reach_the_network_as_training_showed_them():
    inputs = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    np.testing.assert_array_equal(seen(deployment(FEATURES), inputs), inputs)
    normalize = Normalize(mean=[1, 2, 3, 4], std=[2, 3, 4, 5])
    given = seen(deployment(FEATURES, mean=(1, 2, 3, 4), std=(2, 3, 4, 5)), inputs)
    np.testing.assert_array_equal(given, trained_on(inputs, normalize))
    np.testing.assert_allclose(given, (inputs - [1, 2, 3, 4]) / [2, 3, 4, 5], atol=1e-6)


def test_what_a_network_takes_as_given_is_left_alone(images):
    said = deployment(IMAGE, as_given=True, **RGB)
    np.testing.assert_array_equal(seen(said, images), images)
    assert said.preprocessing() == {}


def test_probabilities_sum_to_1_and_logits_are_the_networks_own():
    network = nn.Linear(4, 3)
    x = torch.randn(5, 4)
    probabilities = Deployed(network, deployment(FEATURES, "probabilities"))(x)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(5))
    torch.testing.assert_close(probabilities, network(x).softmax(1))
    torch.testing.assert_close(Deployed(network, deployment(FEATURES, "logits"))(x), network(x))


def test_the_deployment_adds_nothing_to_the_networks_weights():
    network = nn.Linear(4, 3)
    assert set(Deployed(network, deployment(IMAGE, **RGB)).state_dict()) == {"network.weight", "network.bias"}


@pytest.mark.parametrize(
    ("line", "said", "expected"),
    [
        (IMAGE, RGB, {"layout": "NHWC", "color": "RGB", "scale": 1 / 255, "mean": [0.1, 0.5, 0.3],
                      "std": [0.2, 0.03, 0.4], "in_graph": True}),
        ("image: uint8[N,6,5,1]", {}, {"layout": "NHWC", "color": "L", "scale": 1 / 255, "in_graph": True}),
        (FEATURES, {"mean": (1.0,), "std": (2.0,)}, {"mean": [1.0], "std": [2.0], "in_graph": True}),
        (FEATURES, {}, {}),
        ("codes: uint8[N,4]", {}, {}),
    ],
    ids=["colour", "grey", "features", "plain features", "bytes"],
)  # fmt: skip
def test_the_manifest_is_told_what_the_graph_does(line, said, expected):
    assert deployment(line, **said).preprocessing() == expected
