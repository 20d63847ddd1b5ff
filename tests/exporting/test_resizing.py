from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import edgekit
from edgekit.errors import DimensionError, ExportError, InputError, UsageError
from edgekit.exporting import ladder, shipping
from edgekit.exporting.resizing import Resizing

Image = pytest.importorskip("PIL.Image")


def picture(height: int, width: int) -> np.ndarray:
    """Draw slopes and noise: what is smooth, and what only a filter keeps apart."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 120, height)[:, None, None] + np.linspace(0, 80, width)[None, :, None]
    return (slope + rng.integers(0, 56, (height, width, 3))).astype(np.uint8)


def of_pillow(pixels: np.ndarray, shorter: int, crop: int) -> np.ndarray:
    """Resize and crop as torchvision does with Pillow's pictures."""
    height, width = pixels.shape[:2]
    size = [int(shorter * side / min(height, width)) for side in (height, width)]
    resized = np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BILINEAR))
    top, left = (round((side - crop) / 2) for side in size)
    return resized[top : top + crop, left : left + crop]


@pytest.mark.parametrize(
    ("height", "width"), [(61, 47), (40, 96), (33, 33), (17, 29), (131, 200)], ids=lambda side: str(side)
)
def test_it_is_pillows_picture_to_within_a_level(height, width):
    pixels = picture(height, width)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    made = Resizing.read("32", "23").of(x)[0].permute(1, 2, 0).numpy()
    apart = np.abs(made - of_pillow(pixels, 32, 23))
    assert made.shape == (23, 23, 3)
    assert apart.max() <= 1.01 and apart.mean() < 0.35


def test_a_height_and_a_width_are_what_they_say_whatever_the_ratio():
    x = torch.from_numpy(picture(50, 60)).permute(2, 0, 1)[None].float()
    assert Resizing.read("20x30").of(x).shape == (1, 3, 20, 30)
    assert Resizing.read("", "10x12").of(x).shape == (1, 3, 10, 12)
    torch.testing.assert_close(Resizing.read("", "50x60").of(x), x)


@pytest.mark.parametrize(
    ("resize", "crop", "said"),
    [
        ("0", "", '--resize "0" is no size'),
        ("256px", "", '--resize "256px" is no size'),
        ("", "224x", '--crop "224x" is no size'),
        ("224", "256", "a crop of 256x256 is larger than what 224 leaves"),
        ("224x300", "100x301", "a crop of 100x301 is larger"),
    ],
)
def test_sizes_that_cannot_be_are_refused(resize, crop, said):
    with pytest.raises(UsageError, match=said):
        Resizing.read(resize, crop)


@pytest.mark.parametrize(("resize", "crop"), [("32", "24"), ("30x40", ""), ("", "20"), ("64", "40x50"), ("", "")])
def test_what_the_manifest_says_is_read_again(resize, crop):
    made = Resizing.read(resize, crop)
    assert Resizing.read(**Resizing.asked(made.said())) == made


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, 2)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        assert x.shape[2:] == (20, 20)
        return self.head(torch.relu(self.conv(x)).mean((2, 3)))


ANY = "image: uint8[N,H,W,3]"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> shipping.Shipped:
    said = {"resize": "24", "crop": "20", "mean": [0.5] * 3, "std": [0.2] * 3, "head": "softmax"}
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    return shipping.export(Net(), None, folder, inputs=[ANY], task="image-classification", **said)


def test_the_proof_asks_small_and_large_upright_and_wide_and_odd_pictures(bundle):
    sizes = {(case["H"], case["W"]) for case in bundle.card.parity["cases"]}
    assert sizes == {(13, 13), (51, 51), (13, 51), (51, 13), (33, 33)}
    assert bundle.exported.method == "dynamo"


def test_the_file_takes_the_cameras_picture_and_answers_as_training_preprocessed_it(bundle):
    model = edgekit.load(bundle.folder)
    assert [str(each) for each in model.inputs] == [ANY]
    pixels = picture(97, 66)
    seen = (of_pillow(pixels, 24, 20) / 255 - 0.5) / 0.2
    with torch.no_grad():
        expected = Net()(torch.from_numpy(seen).float().permute(2, 0, 1)[None]).softmax(-1)
    answer = model({"image": pixels[None]})["probabilities"]
    np.testing.assert_allclose(answer, expected, atol=0.002)  # of Pillow's rounding
    prediction = model.predict(pixels)
    assert prediction.label == str(int(expected.argmax()))
    assert prediction.probability == pytest.approx(float(answer.max()))


def test_the_manifest_says_which_resampling_it_is(bundle):
    said = bundle.card.preprocessing
    assert said["resize"] == {"shorter_side": 24, "resampling": "bilinear, antialiased, not rounded"}
    assert said["crop"] == [20, 20]
    resize = [node for node in onnx.load(bundle.folder / "model.onnx").graph.node if node.op_type == "Resize"]
    assert [each.i for each in resize[0].attribute if each.name == "antialias"] == [1]


def test_a_camera_of_one_size_is_proved_at_that_size_alone_and_takes_no_other(tmp_path):
    done = shipping.export(
        Net(),
        None,
        tmp_path / "bundle",
        inputs=["image: uint8[N,30,41,3]"],
        resize="20x20",
        task="image-classification",
    )
    model = edgekit.load(done.folder)
    assert {tuple(case) for case in done.card.parity["cases"]} == {("N",)}
    assert model.predict(picture(30, 41)).label
    with pytest.raises(InputError, match="the image is 40 x 40 pixels; this model takes 41 x 30 alone"):
        model.predict(picture(40, 40))


def test_a_side_that_became_constant_is_an_error(tmp_path, monkeypatch):
    def fixed(program, example):
        made = ladder_rung(program, example)
        made.model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = example[0].shape[1]
        return made

    ladder_rung = ladder.RUNGS["dynamo"]
    monkeypatch.setattr(ladder, "RUNGS", {"dynamo": fixed})
    with pytest.raises(ExportError, match='dynamo: the dynamic dimension "H" became a constant') as caught:
        shipping.export(Net(), None, tmp_path / "bundle", inputs=[ANY], resize="24", crop="20")
    assert not isinstance(caught.value, DimensionError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("said", [{"inputs": ["x: float32[N,3,8,8]"]}, {"inputs": [ANY], "as_given": True}], ids=str)
def test_what_is_no_image_is_not_resized(tmp_path, said):
    with pytest.raises(UsageError, match="no input is an image to resize or crop"):
        shipping.export(Net(), None, tmp_path / "bundle", resize="24", **said)
