from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

FAULTS = {
    "no finite number": ("ratio: 0.5", "ratio: .inf", "stages.prune.ratio", ".inf is not a finite number"),
    "a key said twice": ("    epochs: 3", "    ratio: 0.2", "stages.prune.ratio", "is said twice, first in line 17"),
    "a key that is no text": ("{depth: 8}", "{8: 8}", "teacher.args", "the key 8 is not text"),
    "a truth of old YAML": (
        "quick: {", "quick: {student.baseline: no, ", "quick.student.baseline", 'write false, or "no" in quotes'
    ),
    "a tag": ("{depth: 8}", "{depth: !!python/name:os.system x}", "teacher.args.depth", "does not belong in a recipe"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "complaint"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_place(tiny: Any, old: str, new: str, place: str, complaint: str) -> None:
    text = tiny.text.replace(old, new, 1)
    assert text != tiny.text
    error = tiny.refusal(tiny.write(text))
    found = [said for where, said in error.faults if where.endswith(f", {place}")]
    assert any(complaint in said for said in found), error.faults
    assert all(where.startswith(str(tiny.folder / "tiny.yaml")) for where, _ in error.faults)


BROKEN = {
    "empty": ("", "is empty"),
    "only comments": ("# edgekit\n", "is empty"),
    "a list": ("- a\n- b\n", "is not a mapping of keys"),
    "a bracket left open": ("name: tiny\ndata: {source: digits\n", "tiny.yaml:3: this is not YAML"),
    "a tab": ("name: tiny\ndata:\n\tsource: digits\n", "tiny.yaml:3: this is not YAML"),
    "two documents": ("name: a\n---\nname: b\n", "tiny.yaml:2: this is not YAML"),
    "an alias": ("teacher: &t {model: resnet.py}\nstudent: *t\n", "tiny.yaml:2: this is not YAML: aliases"),
    "a control character": ("name: \x07\n", "tiny.yaml: this is not YAML"),
    "nested without end": ("name: " + "[" * 5000, "nested too deeply"),
}


@pytest.mark.parametrize(("text", "complaint"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_yaml_is_told_with_its_line(tiny: Any, text: str, complaint: str) -> None:
    assert complaint in str(tiny.refusal(tiny.write(text)))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path, tiny: Any) -> None:
    (tmp_path / "tiny.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in str(tiny.refusal(tmp_path / "tiny.yaml"))


def test_yaml_never_runs_code(tmp_path: Path, tiny: Any) -> None:
    proof = tmp_path / "proof"
    for tag in ("!!python/object/apply:pathlib.Path.touch", "!!python/object/new:os.system"):
        tiny.write(tiny.text.replace("{depth: 8}", f"{{depth: {tag} ['{proof}']}}", 1))
        assert "does not belong in a recipe" in str(tiny.refusal(tmp_path / "tiny.yaml"))
    assert not proof.exists()
