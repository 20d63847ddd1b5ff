import dataclasses

import numpy as np
import pytest

from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples
from edgekit.latency.standing import stand


def entry(name, us, *, sha256=None, rounds=0, **said):
    """Make an entry of ten live copies that always take `us`; `rounds`: the number of its first round."""
    samples = Samples(name, np.full(200, us * 1000), rounds + np.arange(200), True, np.arange(200) % 10)
    setting = {"device": "cpu", "threads": 1, "batch": 1, "precision": "fp32", "inputs": {"x": "float32[1,4]"}} | said
    return Entry(name, "onnx", name, sha256 or name, 100, samples=samples, **setting)


def record(*entries, cpu="a processor"):
    return Record("2030-01-02T03:04:05+00:00", {"cpu": cpu}, {"onnxruntime": "1.32.0"}, {}, list(entries), [])


def rows(standing):
    return [(row.record, row.entry.name) for row in standing.rows]


def test_of_one_record_each_is_compared_with_the_first_side_by_side():
    standing = stand({"today": record(entry("teacher", 200), entry("student", 50))})
    first, second = standing.rows
    assert first.over_first is None and standing.over(first) is None
    assert standing.over(second) == pytest.approx({"ratio": 4, "low": 4, "high": 4})
    assert second.over_baseline is None and standing.notes == {"today": []}


def test_of_several_records_each_model_is_compared_with_itself_in_the_first():
    monday = record(entry("teacher", 200), entry("student", 50))
    today = record(entry("student", 100), entry("teacher", 200))
    standing = stand({"monday": monday, "today": today})
    assert rows(standing) == [
        ("monday", "teacher"), ("today", "teacher"), ("monday", "student"), ("today", "student"),
    ]  # fmt: skip
    speeds = [standing.over(row) for row in standing.rows]
    assert speeds[0] is speeds[2] is None
    assert speeds[1]["ratio"] == pytest.approx(1) and speeds[1]["low"] < 0.97
    assert speeds[3]["ratio"] == pytest.approx(0.5)
    assert standing.rows[3].over_first is None and standing.rows[1].over_first["ratio"] == pytest.approx(0.5)


def test_of_a_machine_that_was_busy_less_is_told():
    calm, slower = record(entry("m", 100)), record(entry("m", 110))
    busy = dataclasses.replace(calm, notes=[Note.of("busy-machine", "others kept 1.5 of the 2 processors busy")])
    assert len(stand({"a": calm, "b": slower}).regressions(0.02)) == 1
    assert stand({"a": busy, "b": slower}).regressions(0.02) == []


def test_what_must_not_be_compared_has_no_ratio_and_stands_with_its_like():
    standing = stand({"a": record(entry("m", 100), entry("z", 9)), "b": record(entry("m", 50, sha256="other"))})
    assert rows(standing) == [("a", "m"), ("b", "m"), ("a", "z")]
    assert standing.rows[1].over_baseline is None
    assert [note.kind for note in standing.rows[1].bars] == ["other-model"]


def test_a_model_that_only_one_record_has_is_told():
    standing = stand({"a": record(entry("old", 100)), "b": record(entry("new", 100))})
    assert rows(standing) == [("a", "old"), ("b", "new")]
    assert [note.text for note in standing.untold()] == ['"old" of a is not in b', '"new" is not in a']


def test_in_a_sweep_each_is_compared_with_the_first_of_its_setting():
    cells = {
        (name, threads, batch): entry(name, us * batch / threads, threads=threads, batch=batch)
        for name, us in (("teacher", 200), ("student", 50))
        for threads in (1, 2)
        for batch in (1, 8)
    }
    firsts = {
        (row.entry.name, row.entry.threads, row.entry.batch): row.first
        for row in stand({"r": record(*cells.values())}).rows
    }
    assert firsts["teacher", 1, 1] is None and firsts["teacher", 1, 8] is None
    assert firsts["teacher", 2, 8] is cells["teacher", 1, 8], "what threads bring"
    assert all(firsts["student", *at] is cells["teacher", *at] for at in ((1, 1), (1, 8), (2, 1), (2, 8)))


def test_a_model_in_other_sizes_is_not_compared_with_itself_but_with_another_in_the_same():
    small, large = ({"inputs": {"tokens": f"int64[1,{length}]"}} for length in (16, 512))
    entries = [entry("a", 10, **small), entry("a", 900, **large), entry("b", 5, **small), entry("b", 300, **large)]
    firsts = [row.first for row in stand({"r": record(*entries)}).rows]
    assert firsts == [None, None, entries[0], entries[1]]


def test_all_are_compared_with_the_first_model_whatever_sizes_they_take():
    sizes = [{"inputs": {"x": f"float32[1,{side}]"}} for side in (64, 32)]
    entries = [
        entry(name, 10, threads=threads, **said)
        for threads in (1, 2)
        for name, said in zip("abc", (*sizes, sizes[1]), strict=True)
    ]
    firsts = [row.first for row in stand({"r": record(*entries)}).rows]
    assert firsts == [None, entries[0], entries[0], entries[0], entries[3], entries[3]]


def test_what_runs_where_it_likes_is_compared_all_the_same():
    own = entry("torch:net", 400, device="own", threads=0)
    assert stand({"r": record(entry("net", 100), own)}).rows[1].over_first["ratio"] == pytest.approx(0.25)


def test_two_that_were_never_timed_together_have_no_ratio():
    assert stand({"r": record(entry("a", 1), entry("b", 1, rounds=500))}).rows[1].over_first is None


@pytest.mark.parametrize(("us", "slower"), [(103, []), (104, []), (150, ["m"]), (60, [])])
def test_a_regression_is_clearly_slower_by_more_than_the_limit(us, slower):
    standing = stand({"a": record(entry("m", 100)), "b": record(entry("m", us))})
    assert [row.entry.name for row in standing.regressions(0.05)] == slower


def test_the_limit_moves_the_gate():
    standing = stand({"a": record(entry("m", 100)), "b": record(entry("m", 120))})
    assert len(standing.regressions(0.05)) == 1 and standing.regressions(0.25) == []


def test_of_one_record_the_gate_is_held_against_the_first():
    standing = stand({"r": record(entry("old", 100), entry("new", 107), entry("newest", 104))})
    assert [row.entry.name for row in standing.regressions(0.05)] == ["new"]
    assert standing.untold() == []


def test_a_gate_cannot_be_told_on_another_machine():
    standing = stand({"a": record(entry("m", 100)), "b": record(entry("m", 100), cpu="another")})
    assert [note.kind for note in standing.untold()] == ["other-machine"]
