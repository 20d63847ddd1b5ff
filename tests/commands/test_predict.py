from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from edgekit import cli
from edgekit.exporting import bundle
from edgekit.manifest import Manifest
from edgekit.signature import Tensor

# A pixel's share of white, and what is left of it: what the answers must be can be told from the image.
GRAPH = """
<ir_version: 9, opset_import: ["" : 18]>
shades (uint8[N,4,4,1] image) => (float[N,2] probabilities)
<float full = {255.0}, float one = {1.0}, int64[3] axes = {1, 2, 3}, int64[2] form = {-1, 1}>
{
  pixels = Cast<to = 1>(image)
  mean = ReduceMean<keepdims = 0>(pixels, axes)
  share = Div(mean, full)
  light = Reshape(share, form)
  dark = Sub(one, light)
  probabilities = Concat<axis = 1>(dark, light)
}
"""
BLACK = np.zeros((4, 4), np.uint8)
GREY = np.full((4, 4), 51, np.uint8)  # a fifth of white


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run's folder with a bundle in it, and the working folder beside it."""
    monkeypatch.chdir(tmp_path)
    onnx.save(onnx.parser.parse_model(GRAPH), "shades.onnx")
    tensor, answer = Tensor.parse("image: uint8[N,4,4,1]"), Tensor.parse("probabilities: float32[N,2]")
    card = Manifest("shades", "image-classification", [tensor], [answer], ["dark", "light"])
    bundle.write(Path("run/bundle"), Path("shades.onnx"), card, np.zeros((7, 4, 4, 1), np.uint8))
    return Path("run")


def test_images_of_any_colours_and_size_and_arrays_get_a_line_each(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(GREY).save("grey.png")
    Image.fromarray(np.stack([GREY] * 3, -1)).save("rgb.png")
    Image.fromarray(np.stack([GREY] * 3 + [BLACK], -1)).save("rgba.png")
    Image.fromarray(GREY).resize((31, 17)).save("large.bmp")
    np.save("one.npy", GREY)
    np.save("two.NPY.npy", np.stack([BLACK, GREY]))
    names = ["grey.png", "rgb.png", "rgba.png", "large.bmp", "one.npy", "two.NPY.npy"]
    assert cli.run(["predict", "run", *names, "--top", "1"]) == 0
    assert capsys.readouterr() == (
        "grey.png: dark 80.0 %\nrgb.png: dark 80.0 %\nrgba.png: dark 80.0 %\nlarge.bmp: dark 80.0 %\n"
        "one.npy: dark 80.0 %\ntwo.NPY.npy[0]: dark 100.0 %\ntwo.NPY.npy[1]: dark 80.0 %\n",
        "",
    )


def test_all_labels_are_told_the_likeliest_first_where_three_are_asked_for_and_there_are_two(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("white.npy", np.full((4, 4), 255, np.uint8))
    assert cli.run(["predict", "run/bundle", "white.npy"]) == 0
    assert capsys.readouterr().out == "white.npy: light 100.0 %  dark 0.0 %\n"


def test_json_is_one_document_on_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(BLACK).save("black.png")
    np.save("both.npy", np.stack([BLACK, GREY]))
    assert cli.run(["predict", "run", "black.png", "both.npy", "--top", "1", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == [
        {"input": "black.png", "label": "dark", "top": [["dark", 1.0]]},
        {"input": "both.npy[0]", "label": "dark", "top": [["dark", 1.0]]},
        {"input": "both.npy[1]", "label": "dark", "top": [["dark", pytest.approx(0.8)]]},
    ]


class Trap:
    """Unpickled, it leaves a file behind."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("sprung"),)  # type: ignore[return-value]


def test_a_file_that_holds_pickles_is_refused_and_nothing_of_it_is_run(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("objects.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    Path("bare.npy").write_bytes(pickle.dumps(Trap()))
    for name in ("objects.npy", "bare.npy"):
        assert cli.run(["predict", "run", name]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f'error: "{name}" cannot be read as a .npy file: ')
        assert error.endswith("\nhint: numpy.save writes one; arrays of objects are not read\n")
    assert not Path("sprung").exists()


def write_broken_image(path: Path) -> None:
    Image.fromarray(GREY).save(path)
    path.write_bytes(path.read_bytes()[:45])


def write_broken_array(path: Path) -> None:
    np.save(path, GREY)
    path.write_bytes(path.read_bytes()[:-3])


def write_deep_image(path: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 257).save(path)


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("gone.png", None, 'there is no file "gone.png"'),
        ("gone.npy", None, 'there is no file "gone.npy"'),
        ("text.png", lambda path: path.write_text("hello"), '"text.png" is not an image that Pillow can read'),
        ("text.npy", lambda path: path.write_text("hello"), '"text.npy" cannot be read as a .npy file'),
        ("empty.npy", lambda path: path.write_bytes(b""), '"empty.npy" cannot be read as a .npy file'),
        ("folder.npy", Path.mkdir, '"folder.npy" cannot be read as a .npy file: Is a directory'),
        ("broken.png", write_broken_image, '"broken.png"'),
        ("broken.npy", write_broken_array, '"broken.npy" cannot be read as a .npy file: Failed to read all data'),
        ("deep.png", write_deep_image, '"deep.png" has pixels of kind'),
        ("float.npy", lambda path: np.save(path, GREY / 255), '"float.npy": given float64[4,4] for an image'),
        ("number.npy", lambda path: np.save(path, np.uint8(3)), '"number.npy": given uint8[] for an image'),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value and " " not in value else "",
)
def test_what_cannot_be_read_is_an_error_that_names_the_file(
    run: Path, capsys: pytest.CaptureFixture[str], name: str, write: object, said: str
) -> None:
    if callable(write):
        write(Path(name))
    np.save("good.npy", GREY)
    assert cli.run(["predict", "run", "good.npy", name]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith(f"error: {said}")
    assert shown.out == "good.npy: dark 80.0 %  light 20.0 %\n"
    assert cli.run(["predict", "run", "good.npy", name, "--json"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("model", "said", "hint"),
    [
        ("nothing", 'there is no "nothing"', "give a bundle, an .onnx file, or a run's folder"),
        ("unfinished", '"unfinished" holds no bundle', "a run's folder has one when the run is finished"),
        ("shades.onnx", '"shades.onnx" is a bare ONNX file', "load its bundle to predict"),
        ("good.npy", '"good.npy" is damaged, or no ONNX file at all', "copy it again"),
    ],
)
def test_what_is_no_bundle_is_an_error(
    run: Path, capsys: pytest.CaptureFixture[str], model: str, said: str, hint: str
) -> None:
    Path("unfinished/teacher").mkdir(parents=True)
    np.save("good.npy", GREY)
    assert cli.run(["predict", model, "good.npy"]) == 1
    error, _, advice = capsys.readouterr().err.partition("\nhint: ")
    assert error.startswith(f"error: {said}")
    assert advice.startswith(hint)


def test_a_bundle_that_was_altered_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / "bundle" / "model.onnx"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    np.save("good.npy", GREY)
    assert cli.run(["predict", "run", "good.npy"]) == 1
    assert capsys.readouterr().err.startswith('error: "run/bundle/model.onnx" was altered')


def test_a_device_that_is_not_there_is_an_error_and_not_the_processor(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("good.npy", GREY)
    assert cli.run(["predict", "run", "good.npy", "--device", "openvino:NPU"]) == 1
    assert capsys.readouterr().err.startswith('error: asked for device "openvino:NPU", but this onnxruntime offers')


def test_numbers_are_told_where_the_bundle_answers_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    graph = "<ir_version: 9, opset_import: ['' : 18]> g (float[N,2] x) => (float[N,2] value) { value = Neg(x) }"
    onnx.save(onnx.parser.parse_model(graph.replace("'", '"')), "minus.onnx")
    tensors = [Tensor.parse("x: float32[N,2]")], [Tensor.parse("value: float32[N,2]")]
    bundle.write(Path("minus"), Path("minus.onnx"), Manifest("minus", "regression", *tensors), np.zeros((1, 2), "f4"))
    np.save("x.npy", np.array([1, -2.5]))
    assert cli.run(["predict", "minus", "x.npy"]) == 0
    assert capsys.readouterr().out == "x.npy: -1  2.5\n"
    assert cli.run(["predict", "minus", "x.npy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"input": "x.npy", "value": [-1.0, 2.5]}]


# What follows a token is the next one, round and round: a, b, c, a, ...
ROUND = """
<ir_version: 9, opset_import: ["" : 18]>
round (int64[N,1] ids, float[N,1] h) => (float[N,1,3] logits, float[N,1] next_h)
<float[3,3] table = {0.0, 9.0, 0.0, 0.0, 0.0, 9.0, 9.0, 0.0, 0.0}>
{
  logits = Gather(table, ids)
  next_h = Identity(h)
}
"""


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    onnx.save(onnx.parser.parse_model(ROUND), "round.onnx")
    inputs = [Tensor.parse("ids: int64[N,1]"), Tensor.parse("h: float32[N,1]")]
    outputs = [Tensor.parse("logits: float32[N,1,3]"), Tensor.parse("next_h: float32[N,1]")]
    card = Manifest("round", "next-token", inputs, outputs, ["a", "b", "\n"])
    feeds = {"ids": np.zeros((1, 1), np.int64), "h": np.zeros((1, 1), np.float32)}
    bundle.write(Path("writer"), Path("round.onnx"), card, feeds)
    return "writer"


def test_a_prompt_is_written_on(writer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["predict", writer, "--prompt", "ba", "--length", "5"]) == 0
    assert capsys.readouterr() == ("bab\nab\n\n", "")
    assert cli.run(["predict", writer, "--prompt", "a", "--stop", "\n", "--temperature", "0.1", "--seed", "3"]) == 0
    assert capsys.readouterr().out == "ab\n"


def test_a_text_that_was_written_is_one_document_too(writer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["predict", writer, "--prompt", "a", "--length", "2", "--top-k", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"prompt": "a", "text": "b\n"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["x.png", "--prompt", "a"], 2, "run on inputs, or writes on from --prompt"),
        ([], 2, "run on inputs, or writes on from --prompt"),
        (["x.png", "--top-k", "2"], 2, "--top-k is for a text that is written on"),
        (["--prompt", "ax"], 1, 'the prompt has "x" at place 1'),
        (["a"], 1, '"round" tells the next token, and writes text'),
        (["--prompt", "a", "--temperature", "-1"], 2, "temperature is -1"),
    ],
    ids=["both", "neither", "no prompt", "unknown", "as input", "temperature"],
)
def test_what_cannot_be_written_on_is_an_error(
    writer: str, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert cli.run(["predict", writer, *words]) == code
    shown = capsys.readouterr()
    assert said in shown.err and shown.out == ""


def test_arrays_in_one_file_are_not_taken_for_a_text(writer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["predict", writer, "x.npz"]) == 1
    assert 'error: "x.npz" holds several arrays' in capsys.readouterr().err
