import json
import subprocess
import sys
import time

import onnx.parser
import pytest

from edgekit import hardware
from edgekit.errors import InputError, UsageError
from edgekit.latency.comparison import speedup
from edgekit.latency.record import Record
from edgekit.measuring.cells import Asked, lay_out
from edgekit.measuring.journal import Journal, beside
from edgekit.measuring.subjects import Opened, Subject, of_call, of_onnx
from edgekit.measuring.sweep import Sweep

MS = 1_000_000


class Clock:
    now = 0

    def __call__(self):
        return self.now


class Timed:
    """A subject whose calls take exactly so many ns; `trouble(calls)` may raise at any of them."""

    def __init__(self, name, clock, ns, trouble=lambda calls: None):
        self.name, self.clock, self.ns, self.trouble = name, clock, ns, trouble
        self.calls = 0

    def call(self):
        self.calls += 1
        self.trouble(self.calls)
        self.clock.now += self.ns

    def subject(self):
        def opened(device, threads):
            return Opened([], lambda feeds: self.call, device, threads)

        return Subject(self.name, "onnx", opened, sha256="ab" * 32)


def sweep(path, clock, *timed, seconds=1.0, **settings):
    cells, notes = lay_out([each.subject() for each in timed], Asked())
    return Sweep(cells, path, seconds, notes, clock=clock, **settings)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "record.json"


def test_cells_are_timed_side_by_side_and_the_record_is_written(path):
    clock = Clock()
    record = sweep(path, clock, Timed("slow", clock, 2 * MS), Timed("fast", clock, MS)).measure()
    assert [(entry.name, entry.samples.p50) for entry in record.models] == [("slow", 2000), ("fast", 1000)]
    assert speedup(record.models[1].samples, record.models[0].samples)["ratio"] == 2
    assert min(len(entry.samples) for entry in record.models) >= 64
    assert record.settings["scenario"] == "single-stream" and record.settings["sittings"] == [["slow", "fast"]]
    assert record.machine["cpu"] and record.versions["onnxruntime"]
    assert Record.read(path).to_dict() == json.loads(json.dumps(record.to_dict()))
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["record.json"]


def test_each_sitting_is_on_the_disk_before_the_next_begins(path):
    clock, seen = Clock(), []

    def look(calls):
        journal = Journal.opened(beside(path))
        seen.append(sum("sitting" in line for line in journal.lines) if journal else None)

    record = sweep(path, clock, Timed("a", clock, 100 * MS, look), seconds=15).measure()
    assert set(seen) == {None, 0, 1, 2} and seen[0] is None  # once before it begins
    assert len(record.settings["sittings"]) == 3


def test_what_was_measured_before_a_kill_is_not_measured_again(path):
    clock = Clock()

    def kill(calls):
        if clock.now > 7e9:
            raise KeyboardInterrupt

    first = sweep(path, clock, Timed("a", clock, 50 * MS, kill), seconds=15)
    with pytest.raises(KeyboardInterrupt):
        first.measure()
    (kept,) = (line for line in Journal.opened(beside(path)).lines if "sitting" in line)
    clock = Clock()
    record = sweep(path, clock, Timed("a", clock, 40 * MS), seconds=15).measure()
    times = record.models[0].samples.times_ns.tolist()
    count = len(kept["times"]["a"]["times_ns"])
    assert set(times[:count]) == {50 * MS} and set(times[count:]) == {40 * MS}
    assert len(record.settings["sittings"]) == 3 and 10e9 <= clock.now <= 12e9
    assert not beside(path).exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from edgekit.measuring.cells import Asked, lay_out
from edgekit.measuring.subjects import Opened, Subject
from edgekit.measuring.sweep import Sweep

now = 0

def call():
    global now
    now += 10_000_000
    if now > 7e9:
        os.kill(os.getpid(), signal.SIGKILL)

def opened(device, threads):
    return Opened([], lambda feeds: call, device, threads)

subject = Subject("a", "onnx", opened, sha256="ab" * 32)
Sweep(lay_out([subject], Asked())[0], Path(sys.argv[1]), 15.0, clock=lambda: now).measure()
"""


def test_a_sweep_that_was_killed_outright_goes_on(path):
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == -9
    assert not path.exists() and beside(path).exists()
    clock = Clock()
    record = sweep(path, clock, Timed("a", clock, 20 * MS), seconds=15).measure()
    assert {10 * MS, 20 * MS} == set(record.models[0].samples.times_ns.tolist())


@pytest.mark.parametrize(
    ("changed", "named"), [({"seconds": 16}, "settings"), ({"name": "b"}, "models and settings")], ids=["time", "model"]
)
def test_it_does_not_go_on_with_something_else(path, changed, named):
    clock = Clock()

    def kill(calls):
        if calls > 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(path, clock, Timed("a", clock, 100 * MS, kill), seconds=15).measure()
    other = Timed(changed.get("name", "a"), clock, MS)
    with pytest.raises(UsageError, match=f"with other {named}$"):
        sweep(path, clock, other, seconds=changed.get("seconds", 15)).measure()


def test_what_fails_midway_keeps_its_times_and_a_note_and_the_others_go_on(path):
    clock, broke = Clock(), []

    def break_down(calls):
        if clock.now > 7e9:
            broke.append(calls)
            raise RuntimeError("the device\nis gone")

    record = sweep(
        path, clock, Timed("a", clock, 100 * MS), Timed("b", clock, 100 * MS, break_down), seconds=15
    ).measure()
    whole, broken = record.models
    assert len(whole.samples) > 2 * len(broken.samples) > 0
    note = broken.notes[-1]
    assert note.kind == "failed" and note.text == '"b": the device is gone'
    assert record.settings["sittings"][-1] == ["a"] and len(broke) == 1
    assert speedup(broken.samples, whole.samples)["ratio"] == 1


def test_a_device_that_is_lost_is_called_so(path):
    clock = Clock()

    def break_down(calls):
        if clock.now > 0.7e9:
            raise RuntimeError("gone")

    cells, _ = lay_out([Timed("a", clock, MS, break_down).subject()], Asked(devices=["cuda"]))
    record = Sweep(cells, path, 1.0, clock=clock).measure()
    assert [note.kind for note in record.models[0].notes] == ["device-lost"]


def test_what_never_gets_a_time_is_told_and_all_of_them_are_an_error(path):
    clock = Clock()

    def fail(calls):
        if calls > 1:  # the first is the trial
            raise RuntimeError("no more")

    record = sweep(path, clock, Timed("a", clock, MS), Timed("b", clock, MS, fail)).measure()
    assert [entry.name for entry in record.models] == ["a"]
    assert ["failed", '"b": no more'] in [[note.kind, note.text] for note in record.notes]
    with pytest.raises(InputError, match='nothing could be measured: "b": no more'):
        sweep(path.with_name("other.json"), clock, Timed("b", clock, MS, fail)).measure()


def test_progress_counts_down_over_all_sittings(path):
    clock, told = Clock(), []
    sweep(path, clock, Timed("a", clock, MS), seconds=15).measure(lambda left, note: told.append((left, note)))
    left = [seconds for seconds, _ in told]
    assert left == sorted(left, reverse=True) and left[0] > 14 and left[-1] < 0.2
    assert {note for _, note in told} == {f"part {number} of 3" for number in (1, 2, 3)}


def test_a_model_of_a_file_brings_its_hash_and_what_it_costs(path, model):
    cells, notes = lay_out([of_onnx("m", model())], Asked())
    (entry,) = Sweep(cells, path, 0.1, notes).measure().models
    assert entry.sha256 == cells[0].subject.sha256 and entry.placement == {"cpu": 1} and entry.precision is None
    assert entry.costs["load_cold_ms"] > 0 and "error" not in entry.costs
    assert entry.options == {"CPUExecutionProvider": {}} and entry.inputs == {"x": "float32[1,4]"}
    assert Sweep(cells, path, 0.1, notes, beside_times=False).measure().models[0].costs is None


def test_slow_models_share_the_fewest_times_among_the_sittings(path):
    clock = Clock()
    measured = sweep(path, clock, Timed("a", clock, 1000 * MS), Timed("b", clock, 1000 * MS), seconds=20)
    record = measured.measure()
    assert len(record.settings["sittings"]) == 4
    assert [64 <= len(entry.samples) <= 80 for entry in record.models] == [True, True]


def test_what_a_sweep_takes_is_foreseen_from_the_trial(path):
    cells, _ = lay_out([of_call("slow", lambda: time.sleep(0.03))], Asked())
    assert 0.03 <= cells[0].trial < 0.2
    assert Sweep(cells, path, 1.0).expected() >= 64 * 0.03


NETWORK = '<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }'


def test_waits_for_threads_and_looking_for_limits_are_foreseen_too(path, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path))
    (tmp_path / "m.onnx").write_bytes(onnx.parser.parse_model(NETWORK).SerializeToString())
    subject = of_onnx("m", tmp_path / "m.onnx")
    cells, _ = lay_out([subject], Asked())
    alone = Sweep(cells, path, 0.1, beside_times=False).expected()
    assert Sweep(cells, path, 0.1, beside_times=False, limits=True).expected() == alone + 2
    assert Sweep(cells, path, 0.1, beside_times=False, limits=True, profiled=True).expected() == alone + 3
    several, _ = lay_out([subject], Asked(threads=[2]))
    assert Sweep(several, path, 0.1, beside_times=False).expected() >= 20 * 0.035


def test_where_not_all_fit_they_sit_with_the_first_in_turn(path, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(hardware, "free_memory", lambda: 150_000_000)
    record = sweep(path, clock, *(Timed(name, clock, MS) for name in "abc")).measure()
    assert sorted(record.settings["sittings"]) == [["a", "b"], ["a", "c"]]
    a, b, c = (entry.samples for entry in record.models)
    assert speedup(b, a)["ratio"] == speedup(c, a)["ratio"] == 1
    with pytest.raises(ValueError, match="share no round"):
        speedup(b, c)


@pytest.mark.parametrize(("threads", "rests"), [([1], False), ([1, 2], True)], ids=["one thread", "more"])
def test_threads_that_spin_between_bursts_are_waited_for(path, threads, rests):
    clock, rested = Clock(), []
    cells, _ = lay_out([Timed("a", clock, MS).subject()], Asked(threads=threads))
    Sweep(cells, path, 1.0, clock=clock, rest=lambda: rested.append(clock.now)).measure()
    assert bool(rested) is rests
