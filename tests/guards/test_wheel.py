"""What a pip user gets: the wheel's contents, and (slow) what it does in environments of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import onnx.parser
import pytest

from edgekit.exporting import bundle
from edgekit.manifest import Manifest
from edgekit.signature import Tensor

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


class Environment:
    """A virtual environment that knows the wheel and nothing of the checkout."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self.folder = folder

    def install(self, requirement: str) -> None:
        pip = [self.folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", ROOT / "constraints.txt", requirement], check=True)

    def run(self, program: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.folder / "bin" / program, *words], cwd=cwd, capture_output=True, text=True)


@pytest.fixture
def answering(tmp_path: Path) -> Path:
    """A bundle whose model takes three numbers and answers their softmax."""
    graph = "graph (float[N,3] x) => (float[N,3] probabilities) { probabilities = Softmax<axis = 1>(x) }"
    model = onnx.parser.parse_model('<ir_version: 10, opset_import: ["" : 18]> ' + graph)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    inputs, outputs = [Tensor.parse("x: float32[N,3]")], [Tensor.parse("probabilities: float32[N,3]")]
    card = Manifest("tiny", "classification", inputs, outputs, labels=["ant", "bee", "cow"])
    bundle.write(tmp_path / "bundle", tmp_path / "model.onnx", card, np.eye(3, dtype=np.float32))
    return tmp_path / "bundle"


def test_the_wheel_carries_what_edgekit_needs_and_nothing_of_its_workshop(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    pages = {"report.html.j2", "differences.html.j2", "report.css"}
    wanted = {"edgekit/py.typed", "edgekit/latency/record.schema.json"} | {
        f"edgekit/reporting/{name}" for name in pages
    }
    for kind in ("models", "recipes"):
        files = [path for path in (ROOT / kind).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        wanted |= {f"edgekit/_bundled/{path.relative_to(ROOT)}" for path in files}
    assert wanted - names == set()
    assert {name.split("/")[0].rpartition(".")[2] for name in names} == {"edgekit", "dist-info"}
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


@pytest.mark.slow
def test_an_app_needs_numpy_and_onnxruntime_alone(wheel: Path, answering: Path, tmp_path: Path):
    app = Environment(tmp_path / "app")
    app.install(f"edgekit-onnx[cpu] @ {wheel.as_uri()}")
    code = "import edgekit; model = edgekit.load('bundle'); print(model.predict([[0, 5, 1]])[0].label)"
    done = app.run("python", "-c", code, cwd=answering.parent)
    assert (done.stdout.strip(), done.stderr) == ("bee", "")

    bare = app.run("edgekit", "list", cwd=tmp_path)
    assert bare.returncode == 1
    assert bare.stderr.splitlines()[1] == 'hint: pip install "edgekit-onnx[tools]"'


@pytest.mark.slow
def test_recipes_are_listed_copied_and_checked_from_the_wheel(wheel: Path, tmp_path: Path):
    tools = Environment(tmp_path / "tools")
    tools.install(f"edgekit-onnx[cpu,tools] @ {wheel.as_uri()}")
    folder = tmp_path / "mine"
    folder.mkdir()

    listed = json.loads(tools.run("edgekit", "list", "--json", cwd=folder).stdout.splitlines()[-1])
    assert "digits" in [recipe["name"] for recipe in listed["recipes"] if recipe["valid"]]
    assert all("_bundled" in recipe["path"] for recipe in listed["recipes"])
    assert tools.run("edgekit", "copy", "digits", cwd=folder).returncode == 0
    assert {path.name for path in folder.iterdir()} == {"digits.yaml", "resnet.py"}
    checked = tools.run("edgekit", "check", "digits.yaml", cwd=folder)
    assert "digits.yaml is valid" in checked.stdout
    assert 'hint: pip install "edgekit-onnx[train]"' in checked.stderr  # nothing trains without it
