from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgekit.errors import BundleError, DataError, InputError, MissingExtra, UsageError
from edgekit.runtime.bundle import load
from edgekit.runtime.feeds import describe
from edgekit.runtime.model import Model
from edgekit.runtime.predictors.prediction import Prediction

# The scores are the pixels themselves, so an answer tells which picture the model was given.
PIXELS = "(uint8[N,{h},{w},{c}] image) => (float[N,{n}] {head}) {{\
    x = Cast<to = 1>(image) shape = Constant<value_ints = [-1, {n}]>() {head} = Reshape(x, shape) }}"


@pytest.fixture
def pixels(bundle: Callable[..., Path]) -> Callable[..., Model]:
    """A model whose scores are the pixels of images of height 2 and width 3."""

    def make(c: int = 1, head: str = "probabilities", n: int | None = None, **said: Any) -> Model:
        n = n or 6 * c
        return load(
            bundle(
                PIXELS.format(h=2, w=3, c=c, n=n, head=head),
                "image-classification",
                [f"image: uint8[N,2,3,{c}]"],
                [f"{head}: float32[N,{n}]"],
                **said,
            ),
            threads=1,
        )

    return make


def seen(answer: Any) -> list[float]:
    """The pixels the model was given, from an answer with all of its classes."""
    assert isinstance(answer, Prediction)
    return [value for _, value in sorted(answer.top, key=lambda pair: int(pair[0]))]


GRAY = np.array([[1, 2, 3], [4, 5, 60]], np.uint8)
FLAT = [1, 2, 3, 4, 5, 60]


def test_an_array_is_answered_with_label_probability_and_top(pixels: Callable[..., Model]) -> None:
    model = pixels(labels=list("abcdef"))
    answer = model.predict(GRAY, top=2)
    assert isinstance(answer, Prediction)
    assert (answer.label, answer.probability, answer.top) == ("f", 60.0, [("f", 60.0), ("e", 5.0)])
    assert repr(answer) == "Prediction('f': 60.0000, 'e': 5.0000)"
    assert len(model.predict(GRAY).top) == 1


@pytest.mark.parametrize("form", ["array", "array-c", "pil", "path", "str"])
def test_one_image_of_any_form_gives_the_same_answer(pixels: Callable[..., Model], form: str, tmp_path: Path) -> None:
    path = tmp_path / "gray.png"
    Image.fromarray(GRAY).save(path)
    x = {
        "array": GRAY, "array-c": GRAY[..., None], "pil": Image.fromarray(GRAY), "path": path, "str": str(path),
    }[form]  # fmt: skip
    assert seen(pixels().predict(x, top=6)) == FLAT


@pytest.mark.parametrize("form", ["nhw", "nhwc", "list", "mixed"])
def test_several_images_are_answered_by_a_list_in_their_order(pixels: Callable[..., Model], form: str) -> None:
    batch = np.stack([GRAY, GRAY[::-1]])
    x = {
        "nhw": batch, "nhwc": batch[..., None], "list": list(batch), "mixed": (batch[0], Image.fromarray(batch[1])),
    }[form]  # fmt: skip
    answers = pixels().predict(x, top=6)
    assert isinstance(answers, list)
    assert [seen(answer) for answer in answers] == [FLAT, [4, 5, 60, 1, 2, 3]]


@pytest.mark.parametrize("x", [[], np.zeros((0, 2, 3), np.uint8)], ids=["list", "batch"])
def test_no_images_get_no_answers(pixels: Callable[..., Model], x: Any) -> None:
    assert pixels().predict(x) == []


def test_an_array_of_three_axes_is_a_batch_only_where_it_must_be(pixels: Callable[..., Model]) -> None:
    model = pixels()
    assert isinstance(model.predict(np.zeros((5, 2, 3), np.uint8)), list)  # the model's own size, last axis 3
    assert isinstance(model.predict(np.zeros((5, 4, 3), np.uint8)), Prediction)  # one picture in colour
    assert isinstance(model.predict(np.zeros((5, 4, 6), np.uint8)), list)


def test_images_of_another_size_are_resized_to_the_model(pixels: Callable[..., Model], tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.fromarray(np.kron(GRAY, np.ones((1, 1), np.uint8)).repeat(8, 0).repeat(8, 1)).save(path)
    small = Image.open(path).resize((3, 2), Image.Resampling.BILINEAR)
    assert seen(pixels().predict(path, top=6)) == [float(value) for value in np.asarray(small).ravel()]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "1", "CMYK"])
def test_colours_become_those_the_manifest_names(pixels: Callable[..., Model], mode: str) -> None:
    picture = Image.new("RGB", (3, 2), (255, 0, 0)).convert(mode)
    expected = np.asarray(picture.convert("L"))
    assert seen(pixels(preprocessing={"color": "L"}).predict(picture, top=6)) == expected.ravel().tolist()


def test_a_grey_picture_feeds_a_model_of_colours(pixels: Callable[..., Model]) -> None:
    model = pixels(c=3, preprocessing={"color": "RGB"})
    assert seen(model.predict(GRAY, top=18)) == [float(value) for value in FLAT for _ in range(3)]


def test_a_photograph_is_turned_upright(pixels: Callable[..., Model], tmp_path: Path) -> None:
    path = tmp_path / "turned.png"
    picture = Image.fromarray(GRAY)
    exif = picture.getexif()
    exif[0x0112] = 3  # orientation: upside down
    picture.save(path, exif=exif)
    assert seen(pixels().predict(path, top=6)) == FLAT[::-1]


def test_logits_become_probabilities(pixels: Callable[..., Model]) -> None:
    answer = pixels(head="logits").predict(np.array([[1, 2, 3], [4, 5, 5]], np.uint8), top=9)
    assert isinstance(answer, Prediction)
    powers = np.exp([1, 2, 3, 4, 5, 5])
    np.testing.assert_allclose(seen(answer), powers / powers.sum())
    assert [label for label, _ in answer.top] == ["4", "5", "3", "2", "1", "0"]  # equal scores: the first class wins


def damaged(folder: Path) -> Path:
    path = folder / "damaged.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def foreign(folder: Path) -> Path:
    path = folder / "notes.png"
    path.write_text("no picture")
    return path


def deep(folder: Path) -> Path:
    path = folder / "deep.png"
    Image.fromarray(np.full((2, 3), 40000, np.uint16)).save(path)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (damaged, 'damaged.png" cannot be read: '),
        (foreign, 'notes.png" is not an image'),
        (deep, 'deep.png" has pixels of kind "I;16"'),
        (lambda folder: folder / "absent.png", "there is no file .*absent.png"),
        (lambda folder: folder, "cannot be read: .*directory"),
    ],
    ids=["truncated", "foreign", "16-bit", "absent", "folder"],
)
def test_a_file_that_is_no_picture_is_a_data_error_naming_it(
    pixels: Callable[..., Model], tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(DataError, match=message):
        pixels().predict([GRAY, path])


@pytest.mark.parametrize(
    "x",
    [
        GRAY.astype(np.float32), np.zeros(6, np.uint8), np.zeros((2, 3, 2), np.uint8)[:, :, :1][:0], 7, None,
        [[[1, 2, 3], [4, 5, 6]]], [np.zeros((1, 2, 3, 1), np.uint8)], np.zeros((2, 2, 3, 2), np.uint8),
    ],
    ids=["float", "flat", "empty", "number", "none", "nested-lists", "batch-in-a-list", "two-channels"],
)  # fmt: skip
def test_what_is_no_image_is_refused_saying_what_is(pixels: Callable[..., Model], x: Any) -> None:
    with pytest.raises(InputError, match="for an image") as caught:
        pixels().predict(x)
    assert str(caught.value.hint).startswith("an image is a path")


def test_without_pillow_the_little_that_brings_it_is_named_and_only_where_there_is_a_picture(
    pixels: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = pixels()
    monkeypatch.setattr(sys, "meta_path", [Without("PIL"), *sys.meta_path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "PIL"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra, match='reading images needs the package "PIL"') as caught:
        model.predict("x.png")
    assert caught.value.hint == 'pip install "edgekit-onnx[images]"'
    for nothing in (None, 7):
        with pytest.raises(InputError, match=f"given {describe(nothing)} for an image"):
            model.predict(nothing)
    assert model.predict(GRAY)


class Without:
    """Keeps one package from being imported."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=self.package)


@pytest.mark.parametrize("top", [0, -1, "3", 1.5, None])
def test_top_is_a_positive_number(pixels: Callable[..., Model], top: Any) -> None:
    with pytest.raises(UsageError, match=r"top is .*, not a positive whole number"):
        pixels().predict(GRAY, top=top)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"head": "scores"}, 'answers scores: neither "probabilities" nor "logits"'),
        ({"labels": ["a", "b"]}, r"has 2 labels for 6 classes"),
        ({"preprocessing": {"color": "RGB"}}, 'says colour mode "RGB" for 1 channels'),
        ({"c": 2}, "images are predicted by models of one input"),
    ],
    ids=["other-head", "labels-that-do-not-fit", "other-colours", "no-image-input"],
)
def test_a_bundle_that_cannot_be_predicted_says_so(
    pixels: Callable[..., Model], said: dict[str, Any], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        pixels(**said).predict(GRAY)


def test_a_model_of_any_size_takes_pictures_as_they_are_one_size_at_a_time(bundle: Callable[..., Path]) -> None:
    model = load(
        bundle(
            "(uint8[N,H,W,1] image) => (float[N,1] probabilities) {\
                x = Cast<to = 1>(image) axes = Constant<value_ints = [1, 2]>()\
                s = ReduceSum<keepdims = 0>(x, axes) probabilities = Identity(s) }",
            "image-classification",
            ["image: uint8[N,H,W,1]"],
            ["probabilities: float32[N,1]"],
        )
    )
    assert seen(model.predict(np.ones((5, 7), np.uint8))) == [35]
    with pytest.raises(InputError, match="different sizes"):
        model.predict([np.ones((5, 7), np.uint8), np.ones((2, 7), np.uint8)])


def test_a_task_this_edgekit_does_not_know_is_refused_and_arrays_still_work(bundle: Callable[..., Path]) -> None:
    model = load(
        bundle("(float[N] x) => (float[N] y) { y = Neg(x) }", "levitation", ["x: float32[N]"], ["y: float32[N]"])
    )
    assert model([1.0])["y"].tolist() == [-1]
    with pytest.raises(BundleError, match='for the task "levitation"'):
        model.predict([1.0])
