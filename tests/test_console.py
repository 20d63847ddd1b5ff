from __future__ import annotations

import io
import json
import sys

import pytest

from edgekit import console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(console, "time", made)
    return made


def test_news_goes_to_stderr_and_results_to_stdout(capsys):
    console.say("at work")
    console.answer("42")
    console.result({"π": 3.14})
    out, err = capsys.readouterr()
    assert err == "at work\n"
    first, last = out.splitlines()
    assert first == "42"
    assert json.loads(last) == {"π": 3.14}


def test_a_result_is_one_line_and_never_nan(capsys):
    console.result({"text": "two\nlines"})
    assert len(capsys.readouterr().out.splitlines()) == 1
    with pytest.raises(ValueError, match="JSON"):
        console.result(float("inf"))


def test_a_table_in_a_pipe_shows_every_cell_whole(capsys):
    long = "because " * 12
    console.table(["model", "why"], [["[red]tea[/red]cher", long.strip()], ["student", "1.2×"]], title="Models")
    out = capsys.readouterr().out
    assert "Models" in out
    assert "[red]tea[/red]cher" in out  # text is text, not markup
    assert long.strip() in out
    assert "1.2×" in out


def test_a_table_puts_names_left_and_numbers_right(capsys):
    console.table(["name", "size"], [["a", "1"], ["bcd", "1000"]])
    rows = capsys.readouterr().out.splitlines()
    short, wide = (next(row for row in rows if row.strip().startswith(name)) for name in ("a ", "bcd"))
    assert short.rstrip().endswith("1")
    assert len(short.rstrip()) == len(wide.rstrip())


def test_progress_in_a_pipe_is_a_line_now_and_then(capsys, clock):
    with console.bar("distill", 100) as bar:
        for done in range(1, 51):
            clock.now += 1
            bar.update(done, "loss 0.5")
    assert capsys.readouterr().err.splitlines() == [
        "distill: 10 %  loss 0.5  1 min 30 s left",
        "distill: 20 %  loss 0.5  1 min 20 s left",
        "distill: 30 %  loss 0.5  1 min 10 s left",
        "distill: 40 %  loss 0.5  1 min 0 s left",
        "distill: 50 %  loss 0.5  50 s left",
    ]


def test_time_left_is_told_from_what_was_done_now_not_before(capsys, clock):
    with console.bar("distill", 100) as bar:
        bar.begin_at(80)
        clock.now += 20
        bar.update(90)
    assert capsys.readouterr().err == "distill: 90 %    20 s left\n"


def test_the_end_is_told_once_unless_it_came_at_once(capsys, clock):
    with console.bar("short", 2) as bar:
        clock.now += 0.5
        bar.update(2)
    assert capsys.readouterr().err == ""
    with console.bar("long", 2) as bar:
        clock.now += 5
        bar.update(2)
    assert capsys.readouterr().err == "long: 100 %    done in 5.0 s\n"


def test_nothing_to_do_is_no_division_by_zero(capsys):
    with console.bar("none", 0) as bar:
        bar.update(0)


def test_progress_on_a_terminal_is_drawn_in_place_with_the_name_as_it_is(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with console.bar("[red]distill", 4) as bar:
        for done in range(1, 5):
            bar.update(done, "loss [0.5]")
    drawn = terminal.getvalue()
    assert "[red]distill" in drawn
    assert "loss [0.5]" in drawn
    assert "100 %" in drawn


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (0.44, "0.4 s"), (12.3, "12 s"), (59.7, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_times_are_written_as_people_say_them(seconds, said):
    assert console.duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (812, "812 B"), (1000, "1.0 KB"), (41_200, "41.2 KB"), (999_960, "1.0 MB"), (2_800_000, "2.8 MB"),
     (3e9, "3.0 GB"), (5e12, "5000.0 GB")],
)  # fmt: skip
def test_sizes_are_written_as_people_say_them(count, said):
    assert console.size(count) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0"), (950, "950"), (78_298, "78.3 K"), (999_949, "999.9 K"), (999_950, "1.0 M"), (4_700_000, "4.7 M"),
     (1.2e9, "1.2 G")],
)  # fmt: skip
def test_counts_are_written_shortly(count, said):
    assert console.number(count) == said
