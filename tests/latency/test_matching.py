import dataclasses

import numpy as np
import pytest

from edgekit.latency.matching import conditions, match, missing, same_machine
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples

MACHINE = {"cpu": "a processor", "cores": 2, "usable_cores": 2.0, "flags": ["avx2"], "gpus": [], "system": "Linux 6.1"}


def entry(name="student.onnx", sha256="aa", **said):
    samples = Samples(name, np.full(10, 1000), np.arange(10))
    setting = {"device": "cpu", "threads": 1, "batch": 1, "precision": "fp32", "inputs": {"x": "float32[1,4]"}} | said
    return Entry(name, "onnx", name, sha256, 100, samples=samples, **setting)


def record(*entries, machine=MACHINE, versions=None):
    return Record("2030-01-02T03:04:05+00:00", machine, versions or {"onnxruntime": "1.32.0"}, {}, list(entries), [])


def kinds(notes):
    return [note.kind for note in notes]


def test_the_same_file_in_the_same_setting_may_be_compared():
    mine, theirs = entry(), entry()
    (found,) = match([mine], [entry("other.onnx", "bb"), theirs])
    assert found.counterpart is theirs and found.bars == []


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ({"sha256": "bb"}, "other-model", 'is another file than in monday (sha256 bb, there aa)'),
        ({"batch": 8}, "other-shapes", "(batch 8, there 1)"),
        ({"inputs": {"x": "float32[1,9]"}}, "other-shapes", "(x float32[1,9], there float32[1,4])"),
        ({"threads": 2}, "other-setting", "(threads 2, there 1)"),
        ({"device": "cuda"}, "other-setting", "(device cuda, there cpu)"),
        ({"scenario": "server"}, "other-setting", "(scenario server, there single-stream)"),
        ({"precision": "int8"}, "other-setting", "(precision int8, there fp32)"),
        ({"name": "new.onnx", "sha256": "bb"}, "unmatched", '"new.onnx" is not in monday'),
    ],
    ids=["file", "batch", "sizes", "threads", "device", "scenario", "precision", "name"],
)  # fmt: skip
def test_what_differs_forbids_the_comparison_and_is_told(change, kind, told):
    (found,) = match([entry(**change)], [entry()], "monday")
    assert kinds(found.bars) == [kind] and told in found.bars[0].text


def test_other_options_are_told_by_what_differs():
    one, other = ({"cpu": {"arena": value, "spin": "1"}} for value in ("0", "1"))
    (found,) = match([entry(options=one)], [entry(options=other)])
    assert kinds(found.bars) == ["other-setting"] and "spin" in found.bars[0].text


def test_what_one_record_does_not_say_forbids_nothing():
    (found,) = match([entry(precision=None, options={"cpu": {}})], [entry()])
    assert found.bars == []


def test_a_renamed_file_is_the_same_model_and_a_new_file_of_its_name_is_not():
    renamed, changed = entry("renamed.onnx", "aa"), entry("student.onnx", "bb")
    found = match([renamed, changed], [entry("student.onnx", "aa")])
    assert found[0].bars == [] and kinds(found[1].bars) == ["other-model"]


def test_of_a_sweep_each_cell_finds_its_own():
    sweep = [entry(threads=threads, batch=batch) for threads in (1, 2) for batch in (1, 8)]
    again = [entry(threads=threads, batch=batch) for threads in (2, 1) for batch in (8, 1)]
    found = match(again, sweep)
    assert [each.counterpart for each in found] == sweep[::-1]
    assert [each.bars for each in found] == [[]] * 4


def test_of_two_copies_of_one_file_each_finds_that_of_its_name():
    baseline = [entry("a.onnx"), entry("a.onnx #2")]
    found = match([entry("a.onnx #2"), entry("a.onnx")], baseline)
    assert [each.counterpart for each in found] == baseline[::-1]


def test_what_the_baseline_has_and_nothing_stands_for_is_missing():
    kept, lost = entry(), entry("lost.onnx", "bb")
    assert missing(match([entry()], [kept, lost]), [kept, lost]) == [lost]


def test_another_machine_is_noted_and_not_forbidden():
    other = record(machine=MACHINE | {"cpu": "another", "cores": 8})
    found = conditions(other, record(), "monday")
    assert kinds(found) == ["other-machine"]
    assert found[0].text == "another machine than that of monday (cpu another, there a processor)"
    assert not same_machine(other, record())


def test_another_moment_is_always_noted_on_one_machine():
    assert kinds(conditions(record(), record())) == ["other-moment"]
    assert same_machine(record(), dataclasses.replace(record(), machine=MACHINE | {"system": "Linux 6.9"}))


def test_other_versions_of_packages_and_of_the_system_are_noted():
    newer = record(machine=MACHINE | {"system": "Linux 6.9"}, versions={"onnxruntime": "1.33.0"})
    found = conditions(newer, record())
    assert kinds(found) == ["other-versions", "other-moment"]
    assert "onnxruntime 1.33.0, there 1.32.0, system Linux 6.9, there Linux 6.1" in found[0].text


def test_a_machine_that_a_record_does_not_tell_is_not_another():
    assert kinds(conditions(record(machine={}), record())) == ["other-moment"]
