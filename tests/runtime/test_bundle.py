from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import edgekit
from edgekit.errors import BundleError, DeviceError, InputError, UsageError
from edgekit.manifest import FILE, MODEL
from edgekit.runtime.bundle import load

Edited = Callable[[Callable[[dict[str, Any]], object]], Path]
X = np.array([[0, 1, 2], [5, 4, 3]], np.float32)


def test_a_bundle_loads_and_answers_by_name(vectors: Path) -> None:
    model = edgekit.load(vectors, threads=1)
    probabilities = model(X)["probabilities"]
    np.testing.assert_allclose(probabilities, np.exp(X) / np.exp(X).sum(1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(probabilities, model({"x": X})["probabilities"])
    assert [str(tensor) for tensor in model.inputs] == ["x: float32[N,3]"]
    assert [str(tensor) for tensor in model.outputs] == ["probabilities: float32[N,3]"]
    assert model.labels == ["ant", "bee", "cow"]
    assert model.manifest is not None and model.manifest.task == "classification"
    assert repr(model) == (
        "Model('tiny', classification, x: float32[N,3] -> probabilities: float32[N,3], device='cpu', threads=1)"
    )


def test_a_bare_file_loads_without_a_manifest(vectors: Path) -> None:
    model = load(str(vectors / MODEL))
    assert model.manifest is None and model.labels == []
    assert [str(tensor) for tensor in model.inputs] == ["x: float32[N,3]"]
    np.testing.assert_array_equal(model(X)["probabilities"], load(vectors)(X)["probabilities"])
    assert repr(model).startswith("Model('model.onnx', x: float32[N,3] -> ")
    with pytest.raises(BundleError, match='" is a bare ONNX file'):
        model.predict(X)


def test_feeds_are_checked_before_the_run_and_converted_where_cast_was_asked_for(vectors: Path) -> None:
    with pytest.raises(InputError, match=r"given float64\[2,3\], expected float32\[N,3\]"):
        load(vectors)(X.astype(np.float64))
    cast = load(vectors, cast=True)(X.astype(np.float64))["probabilities"]
    np.testing.assert_array_equal(cast, load(vectors)(X)["probabilities"])


@pytest.mark.parametrize(
    "x",
    [X[:, ::-1], np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X[:0], np.broadcast_to(X[:1], (4, 3))],
    ids=["reversed", "fortran", "strided", "nothing", "broadcast"],
)
def test_arrays_of_any_layout_give_the_answers_of_their_contiguous_copy(vectors: Path, x: np.ndarray) -> None:
    model = load(vectors)
    answer = model(x)["probabilities"]
    assert answer.shape == x.shape
    np.testing.assert_array_equal(answer, model(x.copy(order="C"))["probabilities"])


def test_texts_and_scalars_go_through(graph: Callable[..., bytes], tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(graph("(string[N] t, float[] s) => (string[N] u, float[] v) { u = Identity(t) v = Neg(s) }"))
    answers = load(path)({"t": ["a", "bc"], "s": 2})
    assert answers["u"].tolist() == ["a", "bc"]
    assert float(answers["v"]) == -2


def flip(folder: Path) -> None:
    content = bytearray((folder / MODEL).read_bytes())
    content[-3] ^= 1
    (folder / MODEL).write_bytes(content)


def truncate(folder: Path) -> None:
    (folder / MODEL).write_bytes((folder / MODEL).read_bytes()[:-9])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (flip, 'model.onnx" was altered: its sha256'),
        (truncate, r'model.onnx" is truncated or altered: \d+ bytes, not \d+'),
        (lambda folder: (folder / MODEL).unlink(), 'model.onnx" is missing'),
        (lambda folder: (folder / FILE).unlink(), "is not a bundle: it has no manifest.json"),
        (lambda folder: (folder / FILE).write_text((folder / FILE).read_text()[:90]), "cannot be read"),
        (lambda folder: (folder / FILE).write_bytes(b"\xff\xfe"), "cannot be read"),
        (lambda folder: (folder / FILE).write_text("[]"), "is not an edgekit manifest"),
        (lambda folder: (folder / FILE).write_text("[" * 10**6), "cannot be read"),
    ],
    ids=[
        "a-bit-flipped",
        "truncated",
        "missing",
        "no-manifest",
        "half-a-manifest",
        "binary-manifest",
        "a-list",
        "a-deep-list",
    ],
)
def test_a_damaged_bundle_is_refused(vectors: Path, harm: Callable[[Path], object], message: str) -> None:
    harm(vectors)
    with pytest.raises(BundleError, match=message):
        load(vectors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda said: said.update(schema=99), "manifest schema 99; this edgekit reads up to 1"),
        (lambda said: said.pop("schema"), 'it has no "schema"'),
        (lambda said: said.update(schema=0), 'it has no "schema"'),
        (lambda said: said.pop("task"), "is not an edgekit manifest"),
        (lambda said: said.update(inputs=["x float32"]), "is damaged: .* is not a tensor"),
        (lambda said: said.update(files={}), 'does not list "model.onnx"'),
        (lambda said: said.update(files=[MODEL]), 'does not list "model.onnx"'),
        (lambda said: said["files"].update({MODEL: {"bytes": 3}}), "gives no sha256 and size"),
        (lambda said: said["files"][MODEL].update(sha256="0" * 64), "was altered"),
        (lambda said: said["files"].update({"tokenizer.json": said["files"][MODEL]}), 'tokenizer.json" is missing'),
        (lambda said: said.update(inputs=["z: float32[N,3]"]), r"says inputs z: .*; model.onnx has x: float32\[N,3\]"),
        (lambda said: said.update(outputs=["probabilities: float32[3]"]), "says outputs"),
        (lambda said: said.update(requires={"onnxruntime": "9.9"}), r"needs onnxruntime 9\.9 or newer; this is 1\."),
        (lambda said: said.update(requires={"onnxruntime": "new"}), 'requires onnxruntime "new", which is no version'),
        (lambda said: said.update(labels=["ant"]), r"has 1 labels for 3 classes: probabilities: float32\[N,3\]"),
        (lambda said: said.update(labels=["a"], outputs=["probabilities: float32[N,C]"]), "has 1 labels for 3 classes"),
        (lambda said: said.update(foo=1), 'it says "foo", which is no key of one'),
    ],
    ids=[
        "newer", "no-schema", "schema-0", "no-task", "no-tensor", "no-files", "files-a-list", "no-hash",
        "other-hash", "absent-file", "other-inputs", "other-outputs", "newer-onnxruntime", "no-version", "labels",
        "labels-of-the-graph", "unknown-key",
    ],
)  # fmt: skip
def test_a_manifest_that_does_not_fit_is_refused(
    edited: Edited, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        load(edited(change))


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd", "..\\secret", "C:secret"])
@pytest.mark.parametrize("verify", [True, False])
def test_a_file_outside_the_bundle_is_never_opened(edited: Edited, name: str, verify: bool) -> None:
    folder = edited(lambda said: said["files"].update({name: said["files"][MODEL]}))
    (folder.parent / "secret").write_bytes((folder / MODEL).read_bytes())
    with pytest.raises(BundleError, match="which lies outside the bundle"):
        load(folder, verify=verify)


def test_verify_false_spares_the_hash_and_still_misses_nothing_absent(edited: Edited) -> None:
    folder = edited(lambda said: said["files"][MODEL].update(sha256="0" * 64))
    assert load(folder, verify=False)(X)
    (folder / MODEL).unlink()
    with pytest.raises(BundleError, match="is missing"):
        load(folder, verify=False)


def test_a_sealed_manifest_is_refused_once_it_says_something_else(edited: Edited) -> None:
    """A label that became another would be a wrong answer, and no hash of the model's would tell."""
    folder = edited(lambda said: said.update(requires={"onnxruntime": "1.20"}))
    assert load(folder).labels == ["ant", "bee", "cow"]
    text = (folder / FILE).read_text().replace('"bee"', '"bed"')
    (folder / FILE).write_text(text)
    with pytest.raises(BundleError, match="was altered: its seal"):
        load(folder)
    said = json.loads(text)
    del said["seal"]
    (folder / FILE).write_text(json.dumps(said))
    with pytest.raises(BundleError, match="has no seal: it was altered"):
        load(folder)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"path": b"bundle"}, "the path is b'bundle'"),
        ({"path": None}, "the path is None"),
        ({"fallback": None}, "fallback is None, not a list of devices"),
        ({"fallback": "cpu"}, 'fallback is "cpu", not a list'),
        ({"options": ["a"]}, r"options is \['a'\], not a dict"),
        ({"shapes": "N"}, 'shapes is "N", not a dict'),
        ({"max_batch": "8"}, 'max_batch is "8", not a positive whole number'),
        ({"max_batch": True}, "max_batch is True, not a positive whole number"),
    ],
    ids=lambda value: "-".join(f"{key} {said}" for key, said in value.items()) if isinstance(value, dict) else "",
)
def test_what_load_cannot_take_is_wrong_usage(vectors: Path, said: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(**({"path": vectors} | said))


def test_a_folder_that_is_no_bundle_says_what_to_load_instead(vectors: Path, tmp_path: Path) -> None:
    def hint(folder: Path) -> str | None:
        with pytest.raises(BundleError, match=r"is not a bundle: it has no manifest\.json") as caught:
            load(folder)
        return caught.value.hint

    assert hint(vectors.parent) == f'it is a run: load "{vectors}"'
    export = tmp_path / "export"
    export.mkdir()
    assert hint(export) == "edgekit distill makes one"
    for name in ("b.onnx", "a.onnx", "c.txt"):
        (export / name).touch()
    assert hint(export) == f'load "{export / "a.onnx"}", a bare file'


def test_a_file_in_onnxruntimes_own_format_loads_and_its_damage_is_told(vectors: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.ort"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(vectors / MODEL, options, ["CPUExecutionProvider"])
    np.testing.assert_array_equal(load(path)(X)["probabilities"], load(vectors)(X)["probabilities"])
    path.write_bytes(path.read_bytes()[:99])
    with pytest.raises(BundleError, match=r'm.ort"'):
        load(path)


def test_a_place_without_anything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no bundle and no ONNX file at"):
        load(tmp_path / "nothing")


def test_the_device_is_the_one_asked_for_or_an_error(vectors: Path) -> None:
    assert load(vectors, device="cpu").session.device == "cpu"
    with pytest.raises(DeviceError):
        load(vectors, device="cuda:99")


# Everything but numpy, onnxruntime and Python's own is kept from being imported, whatever is installed here.
ALONE = """
import sys

class Others:
    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        if package not in {"numpy", "onnxruntime", "edgekit"} | sys.stdlib_module_names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=package)

import numpy, onnxruntime
sys.meta_path.insert(0, Others())
before = set(sys.modules)
import edgekit
edgekit.load
imported = set(sys.modules) - before
model = edgekit.load(sys.argv[1], threads=1)
model([[0, 1, 2]])
loaded = set(sys.modules) - before
print(model.predict([0, 1, 2]).label, *sorted(imported), "|", *sorted(loaded))
"""
# What takes milliseconds to import, and waits until it is used: for images, batching, hashing a bundle, other devices.
LATER = [
    "asyncio",
    "concurrent.futures",
    "pathlib",
    "dataclasses",
    "tempfile",
    "subprocess",
    "email",
    "importlib.metadata",
]
LATER_THAN_IMPORTED = [*LATER, "json", "hashlib"]


def test_loading_and_predicting_needs_numpy_and_onnxruntime_alone_and_imports_little(vectors: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(vectors)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(edgekit.__file__).parent.parent)},
    )
    label, *imported = done.stdout.split()
    at = imported.index("|")
    imported, loaded = imported[:at], imported[at + 1 :]
    assert label == "cow" and done.stderr == ""
    assert [name for name in LATER_THAN_IMPORTED if name in imported] == []
    assert [name for name in LATER if name in loaded] == []


def test_without_onnxruntime_the_pip_line_is_said() -> None:
    code = "import sys; sys.modules['onnxruntime'] = None\nimport edgekit\ntry: edgekit.load\n"
    code += "except edgekit.EdgekitError as error: print(error.render())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(edgekit.__file__).parent.parent)},
    )
    assert 'needs the package "onnxruntime"' in done.stdout and 'pip install "edgekit-onnx[cpu]"' in done.stdout
