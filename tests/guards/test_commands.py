"""Every verb is there, helps on one screen, ends its help with an example that parses, and speaks JSON."""

from __future__ import annotations

import inspect
import shlex

import pytest
import typer.main

from edgekit.cli import VERBS, make, run

COMMANDS = {command.name or "": command for command in make().registered_commands}
PARSERS = typer.main.get_command(make()).commands  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_every_verb_that_is_named_has_its_file():
    assert set(VERBS) - set(COMMANDS) == set()


def test_all_verbs_fit_a_screen(capsys: pytest.CaptureFixture[str]):
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 80


@pytest.mark.parametrize("verb", COMMANDS)
def test_its_help_fits_a_screen(verb: str, capsys: pytest.CaptureFixture[str]):
    assert run([verb, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert 8 <= len(lines) <= 40 and max(map(len, lines)) <= 80


@pytest.mark.parametrize("verb", COMMANDS)
def test_its_help_ends_with_one_example_that_parses(verb: str):
    told = (inspect.getdoc(COMMANDS[verb].callback) or "").splitlines()
    assert [line for line in told if line.startswith("Example: ")] == told[-1:]
    program, named, *arguments = shlex.split(told[-1].removeprefix("Example: "))
    assert (program, named) == ("edgekit", verb)
    PARSERS[verb].make_context(verb, arguments)


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_option_says_what_it_is_for(verb: str):
    assert [parameter.name for parameter in PARSERS[verb].params if not getattr(parameter, "help", None)] == []


@pytest.mark.parametrize("verb", COMMANDS)
def test_it_speaks_json(verb: str):
    assert "--json" in {option for parameter in PARSERS[verb].params for option in parameter.opts}
