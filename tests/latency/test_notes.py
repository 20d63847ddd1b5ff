from __future__ import annotations

import json

import pytest

from edgekit.latency.notes import KINDS, Note


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_doubt_says_what_to_do(kind: str) -> None:
    note = Note.of(kind, "something was found")
    assert note.kind == kind
    assert len(note.advice) > 10
    assert str(note) == f"something was found: {note.advice}"


def test_the_list_of_doubts_is_closed() -> None:
    with pytest.raises(KeyError):
        Note.of("a feeling", "something may be wrong")


def test_a_note_comes_back_from_json() -> None:
    note = Note.of("busy-machine", "others kept 1.3 of the 2 processors busy")
    assert Note(**json.loads(json.dumps(note.to_dict()))) == note
