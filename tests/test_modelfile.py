from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from edgekit import modelfile
from edgekit.errors import ModelError

GOOD = """\
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Config:
    width: int = 4


def build(width: int = 4, *, classes: int = 2) -> nn.Module:
    if width % 2:
        raise ValueError(f"width {width} is odd")
    return nn.Linear(Config(width).width, classes)
"""


def write(folder: Path, text: str = GOOD, name: str = "net.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path, **args: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        modelfile.build(path, args)
    return caught.value


def test_a_network_is_built_with_the_arguments_given(tmp_path: Path) -> None:
    network: Any = modelfile.build(write(tmp_path), {"width": 6, "classes": 3})
    assert (network.in_features, network.out_features) == (6, 3)


def test_a_model_file_is_not_importable_by_its_own_name(tmp_path: Path) -> None:
    before = set(sys.modules)
    modelfile.build(write(tmp_path), {})
    (name,) = [name for name in set(sys.modules) - before if "net" in name and name.startswith("edgekit_model_")]
    assert name.startswith("edgekit_model_net_") and "." not in name
    assert "net" not in sys.modules
    assert not (tmp_path / "__pycache__").exists()


def test_a_changed_file_is_loaded_anew_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    first: Any = modelfile.build(write(tmp_path), {})
    text = GOOD.replace("return nn.Linear", "return nn.Bilinear").replace("width, classes)", "width, 2, classes)")
    second = modelfile.build(write(tmp_path, text), {})
    assert type(first).__name__ == "Linear" and type(second).__name__ == "Bilinear"
    write(tmp_path, "count = 0\nfrom torch import nn\nclass Net(nn.Module): pass\ndef build(): return Net()\n")
    assert type(modelfile.build(tmp_path / "net.py", {})) is type(modelfile.build(tmp_path / "net.py", {}))


WRONG = {
    "a syntax error": ("def build(:\n", {}, 'net.py", line 1: ', ""),
    "a package that is missing": ("import os\nimport nosuchpackage\n", {}, 'line 2: No module named "', "one file"),
    "an error while it runs": ("x = 1\ny = x / 0\n", {}, 'line 2: ZeroDivisionError: division by zero', ""),
    "no build": ("def biuld():\n    pass\n", {}, 'no function "build", but "biuld"', "def build("),
    "a build that is no function": ("build = 3\n", {}, 'no function "build"', "def build("),
    "an unknown argument": (GOOD, {"widht": 3}, 'takes no argument "widht"', 'did you mean "width"?'),
    "an argument far from any": (GOOD, {"q": 3}, 'takes no argument "q"', "it takes width, classes"),
    "a missing argument": ("def build(width):\n    pass\n", {}, 'needs the argument "width"', "under args"),
    "an error in build": (GOOD, {"width": 3}, 'line 16: build(width=3) failed: ValueError: width 3 is odd', ""),
    "no module": ("def build():\n    return [1]\n", {}, "build returned a list, not a torch.nn.Module", "def build("),
    "no Python at all": ("\0", {}, 'net.py"', ""),
}  # fmt: skip


@pytest.mark.parametrize(("text", "args", "message", "hint"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_model_file_is_told(
    tmp_path: Path, text: str, args: dict[str, Any], message: str, hint: str
) -> None:
    error = refusal(write(tmp_path, text), **args)
    assert message.replace('named "', "named '") in str(error)
    assert hint in (error.hint or "")
    assert str(tmp_path / "net.py") in str(error)


def test_a_file_that_failed_is_tried_again(tmp_path: Path) -> None:
    refusal(write(tmp_path, "import torch\n1 / 0\n"))
    assert "ZeroDivisionError" in str(refusal(tmp_path / "net.py"))


def test_a_file_that_is_not_there_is_told() -> None:
    assert 'no model file "gone.py"' in str(refusal(Path("gone.py")))


def test_any_argument_goes_where_build_takes_any(tmp_path: Path) -> None:
    text = "from torch import nn\ndef build(**args):\n    return nn.Linear(args['a'], 2)\n"
    assert modelfile.build(write(tmp_path, text), {"a": 5})
