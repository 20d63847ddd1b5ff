from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.search.asking import Plan
from edgekit.search.record import command

MakePlan = Callable[..., Plan]


def test_the_command_that_goes_on_says_all_that_was_asked(plan: MakePlan, tmp_path: Path) -> None:
    asked = plan("seed=3", trials=9)
    asked.asked = replace(asked.asked, recipe="my recipe.yaml", jobs=2, quick=True)
    said = ["edgekit", "search", "my recipe.yaml", "seed=3", "--trials", "9", "--jobs", "2", "--quick"]
    assert shlex.split(command(asked)) == [*said, "--runs", str(tmp_path / "runs")]


def test_what_is_usual_is_left_out(plan: MakePlan) -> None:
    asked = plan()
    asked.asked = replace(asked.asked, recipe="digits", folder="runs/digits/search-0")
    assert command(asked) == "edgekit search digits --trials 4"


def test_a_password_is_not_written(plan: MakePlan) -> None:
    pytest.importorskip("sqlalchemy")
    asked = plan(storage="postgresql+psycopg://ann:secret@host/study")
    assert "postgresql+psycopg://ann:***@host/study" in command(asked)
    assert "secret" not in command(asked)
