from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples
from edgekit.latency.standing import Standing, stand
from edgekit.reporting import bench_wording


def _entry(name: str, us: float = 100, **said: Any) -> Entry:
    samples = Samples(name, np.full(700, round(1000 * us)), np.arange(700), True, np.arange(700) % 10)
    setting = {"device": "cpu", "threads": 1, "batch": 1, "precision": "fp32", "inputs": {"x": "float32[1,4]"}} | said
    return Entry(name, "onnx", name, said.pop("sha256", name), 100, samples=samples, **setting)


def _record(*entries: Entry, notes: tuple[Note, ...] = (), **machine: Any) -> Record:
    said = {"cpu": "a processor", "cores": 4, "usable_cores": 4.0} | machine
    return Record("2030-01-02T03:04:05+01:00", said, {"onnxruntime": "1.32.0", "numpy": "2"}, {}, [*entries], [*notes])


def _headline(*entries: Entry, **more: Record) -> str:
    return bench_wording.headline(stand({"monday": _record(*entries), **more}))


def test_an_origin_is_when_where_and_with_what() -> None:
    assert bench_wording.origin(_record()) == "2030-01-02 02:04 UTC; a processor, 4 cores; onnxruntime 1.32.0"
    assert bench_wording.machine(_record(usable_cores=1.5)) == "a processor, 1.5 of 4 cores"
    assert bench_wording.machine(Record("", {}, {}, {}, [], [])) == "unknown processor"
    assert bench_wording.moment("yesterday") == "yesterday"


def test_only_what_tells_cells_of_one_model_apart_is_said() -> None:
    cells = [_entry("a", threads=threads) for threads in (1, 2)] + [_entry("b", precision="int8")]
    assert bench_wording.varying(cells) == ["threads"]
    assert bench_wording.setting(cells[1], ["threads"]) == "2 threads"
    assert bench_wording.shared(cells) == "single-stream, cpu, batch 1"
    standing = stand({"r": _record(*cells)})
    assert bench_wording.labels(standing) == ["a · 1 thread", "a · 2 threads", "b · 1 thread"]


def test_sizes_are_said_where_no_batch_tells_them() -> None:
    lengths = [_entry("a", inputs={"tokens": f"int64[1,{length}]"}) for length in (16, 512)]
    assert bench_wording.varying(lengths) == ["inputs"]
    assert bench_wording.setting(lengths[1], ["inputs"]) == "tokens 1×512"
    batches = [_entry("a", batch=batch, inputs={"x": f"float32[{batch},4]"}) for batch in (1, 8)]
    assert bench_wording.varying(batches) == ["batch"]


def test_what_runs_where_it_likes_names_no_device_and_no_threads() -> None:
    assert bench_wording.setting(_entry("f", device="own", threads=0), ["device", "threads", "batch"]) == "batch 1"


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"a": 100}, "a takes 100 µs"),
        ({"a": 25_000}, "a takes 25.0 ms"),
        ({"a": 100, "b": 50, "c": 25}, "c is 4.0× as fast as a"),
        ({"a": 100, "b": 200}, "2 models: none is clearly faster than a"),
        ({"a": 100, "b": 100}, "2 models: no clear difference"),
    ],
    ids=["one", "slow", "faster", "slower", "alike"],
)
def test_the_headline_of_one_record_says_what_is_fastest(times: dict[str, float], said: str) -> None:
    assert _headline(*(_entry(name, us) for name, us in times.items())) == said


def test_the_headline_of_a_sweep_says_in_which_setting() -> None:
    assert _headline(_entry("a", 100), _entry("a", 60, threads=2)) == "a (2 threads) is 1.67× as fast as 1 thread"


def test_the_headline_of_several_records_counts() -> None:
    today = _record(_entry("a", 50), _entry("b", 200), _entry("c", 100))
    said = _headline(_entry("a"), _entry("b"), _entry("c"), today=today)
    assert said == "3 models against monday: 1 clearly faster, 1 clearly slower, 1 no clear difference"
    assert _headline(_entry("a"), today=_record(_entry("b"))).endswith("nothing that may be compared")


def test_the_headline_of_loads_says_what_bears_the_most() -> None:
    loads = {name: [{"rate": rate, "chosen": True}] for name, rate in (("a", 90.0), ("b", 1500.0))}
    entries = [_entry(name, scenario="server", loads=load) for name, load in loads.items()]
    assert _headline(*entries) == "b bears the most, 1,500 queries a second"
    record = dataclasses.replace(_record(*entries), settings={"p99_bound_ms": 5.0})
    said = bench_wording.headline(stand({"now": record}))
    assert said == "b bears the most, 1,500 queries a second with p99 within 5 ms"


def test_what_was_borne_stands_where_no_ratio_may() -> None:
    offline = {"batch": 4, "samples_per_second": 1234.0, "low": 1200.0, "high": 1250.0, "chosen": True}
    standing = stand({
        name: _record(_entry("a", scenario="offline", loads=[offline])) for name in ("monday", "today")
    })  # fmt: skip
    first, second = standing.rows
    assert bench_wording.over(standing, first) == ("1,234 [1,200, 1,250] a second", "")
    assert bench_wording.over(standing, second)[1] == "another load"


def _doubts(standing: Standing) -> list[str]:
    return [str(doubt) for doubt in bench_wording.doubts(standing)]


def test_notes_of_one_kind_stand_together_and_each_once() -> None:
    notes = [Note.of("drift", f'"{name}" became slower') for name in "abcde"]
    (said,) = _doubts(stand({"r": _record(_entry("a", notes=notes[:1]), notes=(*notes, notes[0]))}))
    assert said == f'note: "a" became slower; "b" became slower; "c" became slower; 2 more: {notes[0].advice}'


def test_notes_of_several_records_say_of_which() -> None:
    note = Note.of("drift", "it became slower")
    standing = stand({"a": _record(_entry("m"), notes=(note,)), "b": _record(_entry("m"), notes=(note,))})
    said = _doubts(standing)
    assert said[0] == f"note, a, b: it became slower: {note.advice}"
    assert said[1].startswith("note, b: not timed side by side with a")
