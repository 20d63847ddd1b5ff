import pytest

from edgekit.latency import notes

QUIET = {"load": 0.4, "cores": 2.0, "threads": 1, "unsettled": []}


def test_a_quiet_machine_leaves_no_doubt():
    assert notes.doubts(**QUIET) == []
    assert notes.doubts(**{**QUIET, "load": None}) == []


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"load": 3.26}, "busy-machine", "3.3 programs wanted the 2 cores"),
        ({"threads": 4, "cores": 1.5}, "few-cores", "4 threads were asked for, and 1.5 cores"),
        ({"unsettled": ["student"]}, "not-settled", '"student" was still getting faster'),
    ],
    ids=["busy", "few cores", "not settled"],
)
def test_every_doubt_says_what_was_found_and_what_to_do(change, kind, said):
    (note,) = notes.doubts(**{**QUIET, **change})
    assert note.kind == kind and kind in notes.KINDS
    assert said in note.text and note.advice
    assert str(note) == f"{note.text}: {note.advice}"
