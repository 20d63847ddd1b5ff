from __future__ import annotations

import re
from typing import Any

import pytest

FAULTS = {
    "unknown key": ("    epochs: 3", "    epohcs: 3", "stages.prune.epohcs", 'unknown key; did you mean "epochs"?'),
    "unknown key far from any": ("ratio: 0.5", "zzz: 0.5", "stages.prune.zzz", "unknown key; known here: epochs"),
    "unknown key at the top": ("teacher:", "tacher:", "tacher", 'unknown key; did you mean "teacher"?'),
    "above the range": ("ratio: 0.5", "ratio: 1.4", "stages.prune.ratio", "1.4 is not between 0 and 1"),
    "at an excluded end": ("ratio: 0.5", "ratio: 1", "stages.prune.ratio", "1 is not below 1"),
    "below a range without end": ("    epochs: 3", "    epochs: -1", "stages.prune.epochs", "-1 is not at least 0"),
    "a fraction of an integer": ("    epochs: 3", "    epochs: 2.5", "stages.prune.epochs", "2.5 is not an integer"),
    "no speed-up at all": ("ratio: 0.5", "target_speedup: 1", "stages.prune.target_speedup", "1 is not above 1"),
    "an unknown importance": (
        "ratio: 0.5", "importance: tailor", "stages.prune.importance", 'did you mean "taylor"?'
    ),
    "text for a number": ("ratio: 0.5", "ratio: half", "stages.prune.ratio", '"half" is not a number between 0 and 1'),
    "a truth for a number": ("    epochs: 3", "    epochs: true", "stages.prune.epochs", "true is not an integer"),
    "a number for text": ('"0", "1"', '"0", 1', "data.labels[1]", '1 is not text; write it in quotes, as "1"'),
    "nothing for a number": ("ratio: 0.5", "ratio:", "stages.prune.ratio", "null is not a number"),
    "a value for a mapping": ("  quantize:", "  quantize: 8", "stages.quantize", "8 is not a mapping"),
    "a value for a section": ("export: {", "measure: 3\nexport: {", "measure", "3 is not a mapping"),
    "an unknown choice": (
        "{epochs: 2,", "{epochs: 2, optimizer: adm,", "teacher.train.optimizer", '"adm" is not one of sgd, adam'
    ),
    "a name that is no folder": ("name: tiny", "name: My Tiny", "name", '"My Tiny" is not of the form of'),
    "a version that lost its zero": (
        "export: {", "export: {min_onnxruntime: 1.20, ", "export.min_onnxruntime", 'in quotes, as "1.20"'
    ),
    "a missing key": ("model: resnet.py, ", "", "student.model", "is missing"),
    "an empty list": ("mean: [0.3]", "mean: []", "data.normalize.mean", "[] is empty"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "complaint"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_place(tiny: Any, old: str, new: str, place: str, complaint: str) -> None:
    text = tiny.text.replace(old, new, 1)
    assert text != tiny.text
    error = tiny.refusal(tiny.write(text))
    found = [said for where, said in error.faults if where.endswith(f", {place}")]
    assert any(complaint in said for said in found), error.faults
    assert not re.search(r"Input should|Field required|Extra inputs|validation error", str(error))
    assert all(where.startswith(str(tiny.folder / "tiny.yaml")) for where, _ in error.faults)


def test_one_fault_reads_as_one_line_with_its_hint(tiny: Any) -> None:
    path = tiny.write(tiny.text.replace("ratio: 0.5", "ratio: 1.4"))
    error = tiny.refusal(path)
    line = tiny.line("ratio: 0.5")
    assert str(error) == f"{path}:{line}, stages.prune.ratio: 1.4 is not between 0 and 1"
    assert error.hint == "the part of the channels to remove; 0.5 removes about half of them"
    assert error.exit_code == 1


@pytest.mark.parametrize("said", ["unstructured", '"2:4"', "2:4"])
def test_sparsity_that_gains_nothing_is_refused_with_what_was_measured(tiny: Any, said: str) -> None:
    error = tiny.refusal(tiny.write(tiny.text.replace("ratio: 0.5", f"structure: {said}")))
    assert 'is not "channels"' in str(error) and "stages.prune.structure" in str(error)
    assert "make onnxruntime no faster" in error.hint and "1.00 [0.99, 1.02] times" in error.hint


def test_all_faults_are_told_at_once_in_the_order_of_their_lines(tiny: Any) -> None:
    text = (
        tiny.text.replace("ratio: 0.5", "ratio: 1.4")
        .replace("source: digits", "source: digit")
        .replace("name: tiny", "")
    )
    path = tiny.write(text.replace("    epochs: 3", "    epohcs: 3"))
    error = tiny.refusal(path)
    assert str(error).splitlines()[0] == f"{path} has 4 faults"
    places = [place for place, _ in error.faults]
    assert places == [
        f"{path}, name",
        f"{path}:5, data.source",
        f"{path}:17, stages.prune.ratio",
        f"{path}:18, stages.prune.epohcs",
    ]
