from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
import pytest

from edgekit.graph import storage
from edgekit.graph.correction import correct
from edgekit.graph.original import Original
from edgekit.graph.quantization import quantize
from edgekit.graph.schemes import SCHEMES, Scheme
from edgekit.graph.sensitivity import answers, divergence, sensitivity

Parse = Callable[..., onnx.ModelProto]
COARSE = Scheme("coarse", "uint8", "int8", reduce_range=True, per_channel=False)


@pytest.fixture
def original(parse: Parse, tmp_path) -> Original:
    """Make a network of three layers, the second with one weight that dwarfs the others and spoils their steps."""
    rng = np.random.default_rng(0)
    weights = {name: rng.standard_normal((8, 8, 3, 3)).astype(np.float32) * 0.2 for name in "abc"}
    weights["b"][0, 0, 0, 0] = 30.0
    biases = {f"bias_{name}": rng.standard_normal(8).astype(np.float32) for name in "abc"}
    model = parse(
        """<ir_version: 8, opset_import: ["": 17]> g (float[N,8,6,6] x) => (float[N,8,6,6] y) {
            [one] p = Conv<pads=[1,1,1,1]>(x, a, bias_a)
            q = Relu(p)
            [two] r = Conv<pads=[1,1,1,1]>(q, b, bias_b)
            s = Relu(r)
            t = Add(s, q)
            [three] y = Conv<pads=[1,1,1,1]>(t, c, bias_c)
        }""",
        **weights,
        **biases,
    )
    storage.save(model, tmp_path / "float.onnx")
    return Original(tmp_path / "float.onnx")


def samples(seed: int, count: int = 4):
    rng = np.random.default_rng(seed)
    return [{"x": rng.standard_normal((16, 8, 6, 6)).astype(np.float32)} for _ in range(count)]


def test_corrected_biases_bring_every_channels_mean_back(original: Original) -> None:
    ranges = original.calibrate(samples(0))
    twin = quantize(original, ranges, COARSE)
    before = onnx.ModelProto()
    before.CopyFrom(twin)
    assert correct(twin, original.prepared, samples(0)) == 3
    (expected,) = answers(original.prepared, samples(1))
    off = [np.abs((answers(model, samples(1))[0] - expected).mean(axis=(0, 2, 3))).max() for model in (before, twin)]
    assert off[1] < off[0] / 4
    changed = [
        left.name
        for left, right in zip(before.graph.initializer, twin.graph.initializer, strict=True)
        if left.SerializeToString() != right.SerializeToString()
    ]
    assert changed == [name for name in changed if "bias" in name] and len(changed) == 3


def test_batches_of_different_sizes_count_by_their_examples(original: Original) -> None:
    ranges = original.calibrate(samples(0))
    whole, parts = quantize(original, ranges, COARSE), quantize(original, ranges, COARSE)
    (one,) = samples(0, 1)
    correct(whole, original.prepared, [one])
    correct(parts, original.prepared, [{"x": one["x"][:3]}, {"x": one["x"][3:]}])
    for left, right in zip(whole.graph.initializer, parts.graph.initializer, strict=True):
        assert left.SerializeToString() == right.SerializeToString()


def test_a_layer_left_in_float_is_not_corrected(original: Original) -> None:
    twin = quantize(original, original.calibrate(samples(0)), SCHEMES["u8s8"], ["two"])
    assert correct(twin, original.prepared, samples(0)) == 2


def test_the_layer_that_8_bits_spoil_most_comes_first(original: Original) -> None:
    seen: list[str] = []
    twin = partial(quantize, original, original.calibrate(samples(0)), COARSE)
    found = sensitivity(original.prepared, original.weighted, twin, samples(1), seen.append)
    assert seen == ["one", "two", "three"] == original.weighted
    assert next(iter(found)) == "two" and found["two"] > 3 * sorted(found.values())[-2]


def test_what_a_relu_cuts_off_is_not_told_apart_before_it(original: Original) -> None:
    ranges = original.calibrate(samples(0))
    limits = {name: (low, high) for name, low, high in zip(ranges.names, ranges.lowest, ranges.highest, strict=True)}
    assert limits["p"] == limits["q"] and limits["p"][0] == 0
    assert limits["t"] != limits["s"]


def test_divergence_knows_probabilities_logits_and_plain_numbers() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 5))
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert divergence([logits], [logits]) == 0 == divergence([odds], [odds])
    other = odds[::-1]
    by_hand = float((odds * np.log(odds / other)).sum(axis=1).mean())
    assert divergence([odds], [other]) == pytest.approx(by_hand)
    assert divergence([logits], [logits[::-1] + 7]) == pytest.approx(by_hand)
    values = np.arange(10.0)
    assert divergence([values], [values + 1]) == pytest.approx(1 / values.var())
