"""The blocks of README and CONTRIBUTING run, in order, in one folder: commands and Python.

A block after `<!-- not run: reason -->` is parsed and not run. Trainings are cut short. A run's id that a document
names stands for the newest run of that recipe, a picture for one of a digit, and `pictures.npz`, which is the user's
own, for digits too.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import typer.main

from edgekit.cli import make, run

ROOT = Path(__file__).parents[2]
NOT_RUN = {"README.md": 1, "CONTRIBUTING.md": 0}  # how many blocks are not run; their reasons stand beside them
SHORT = ["--quick", "measure.seconds=0.05", "teacher.args={depth: 8, width: 8}"]
SHORTENED = {
    "distill": SHORT, "train": SHORT, "bench": ["--seconds", "0.2", "--no-ceilings"], "quantize": ["--seconds", "0.2"],
    "search": ["--dry-run"],
}  # fmt: skip
PARSERS = typer.main.get_command(make()).commands  # type: ignore[attr-defined]
# What sets a machine up; the rest of such a line is not ours to test.
SETTING_UP = {"git", "cd", "sudo", "apt-get", "export", "source", "."}


class Block(NamedTuple):
    """A fenced block of a document."""

    language: str
    text: str
    line: int
    reason: str

    @property
    def commands(self) -> list[str]:
        """The command lines: in a console those after the prompt, else all that are no comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [line for line in lines if line.strip() and not line.startswith("#")]


def blocks(name: str) -> list[Block]:
    text = (ROOT / name).read_text("utf-8")
    pattern = r"(?:<!-- not run: ([^>]+?) -->\s*)?^```(sh|console|bash|python)\n(.*?)^```$"
    return [
        Block(found[2], found[3], text[: found.start(3)].count("\n") + 1, found[1] or "")
        for found in re.finditer(pattern, text, re.M | re.S)
    ]


def commands(name: str) -> list[str]:
    return [command for block in blocks(name) if block.language != "python" for command in block.commands]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "user"
    place.mkdir()
    monkeypatch.chdir(place)
    from sklearn.datasets import load_digits

    digits = load_digits()
    np.savez("pictures.npz", x=(digits.images * (255 / 16)).astype(np.uint8)[..., None], y=digits.target)
    return place


def draw(text: str) -> None:
    """Put a picture of a digit wherever `text` reads one."""
    from PIL import Image
    from sklearn.datasets import load_digits

    for name in re.findall(r"[\w./-]+\.(?:png|jpg)", text):
        if not Path(name).exists():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((load_digits().images[3] * (255 / 16)).astype("uint8")).save(name)


def with_runs(text: str) -> str:
    """Put the newest run of the recipe where `text` names one that is not here."""

    def newest(match: re.Match[str]) -> str:
        runs = sorted(Path(match[1]).glob("*/run.json"), key=lambda path: path.stat().st_mtime)
        return str(runs[-1].parent) if runs and not Path(match[0]).exists() else match[0]

    return re.sub(r"(runs/[a-z0-9-]+)/[0-9a-f]{8}\b", newest, text)


def execute(block: Block, name: str, names: dict[str, Any]) -> None:
    if block.language == "python":
        draw(block.text)
        exec(compile("\n" * (block.line - 1) + with_runs(block.text), name, "exec"), names)
        return
    for line in block.commands:
        program, *words = shlex.split(with_runs(line), comments=True)
        if program == "edgekit":
            draw(" ".join(words) if words[0] == "predict" else "")
            assert run([*words, *SHORTENED.get(words[0], [])]) == 0, f"{name}, line {block.line}: {line}"


@pytest.mark.parametrize("name", NOT_RUN)
def test_the_blocks_run_in_order(name: str, folder: Path):
    names: dict[str, Any] = {"__name__": "document"}
    for block in blocks(name):
        if not block.reason:
            execute(block, name, names)


@pytest.mark.parametrize("name", NOT_RUN)
def test_blocks_that_are_not_run_are_counted(name: str):
    assert len([block for block in blocks(name) if block.reason]) == NOT_RUN[name]


@pytest.mark.parametrize(("name", "line"), [(name, line) for name in NOT_RUN for line in commands(name)])
def test_a_command_line_is_one_that_works(name: str, line: str):
    program, *words = shlex.split(line, comments=True)
    if program == "torchrun":
        program, words = "edgekit", words[words.index("edgekit") + 1 :]
    if program == "edgekit":
        assert words[0] in PARSERS
        if "--help" not in words:
            PARSERS[words[0]].make_context(words[0], words[1:])
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
        assert [word for word in words if "=" not in word and word not in targets] == []
    elif program == "pip" or words[:2] == ["-m", "pip"]:
        asked = re.search(r"\[([\w,]+)\]", line)
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
        assert set(asked[1].split(",") if asked else []) <= set(extras)
    elif re.fullmatch(r"(.*/)?python3?", program):
        assert words[0].startswith("-") or (ROOT / words[0]).exists()
    else:
        assert program in SETTING_UP, f'"{program}" is neither run nor known'
