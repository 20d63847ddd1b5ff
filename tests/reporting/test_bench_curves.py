from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit import statistics
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples
from edgekit.latency.standing import Standing, stand
from edgekit.reporting.bench_curves import load_panels, percentile_panels, sweep_panels
from edgekit.reporting.bench_panels import MOST_LINES, parts


def _entry(name: str, us: float = 100, n: int = 700, **said: Any) -> Entry:
    samples = Samples(name, np.full(n, round(1000 * us)), np.arange(n), True, np.arange(n) % 5)
    setting = {"device": "cpu", "threads": 1, "batch": 1, "precision": None, "inputs": {}} | said
    return Entry(name, "onnx", name, name, 100, samples=samples, **setting)


def _stand(*entries: Entry, **more: list[Entry]) -> Standing:
    named = {"first": list(entries), **more}
    return stand({name: Record("2030-01-02T03:04:05+00:00", {}, {}, {}, held, []) for name, held in named.items()})


@pytest.mark.parametrize(("n", "last"), [(64, 90), (662, 99), (6636, 99.9)])
def test_a_percentile_curve_ends_where_the_samples_do(n: int, last: float) -> None:
    def reached(n: int) -> float:
        ((line,),) = (panel.lines for panel in percentile_panels(_stand(_entry("m", n=n))))
        assert len(line.xs) == len(line.ys) and set(line.ys) == {100}
        return 100 * (1 - 10 ** -line.xs[-1])

    assert reached(n) == pytest.approx(last) and 50 < reached(n - 1) < last
    assert statistics.samples_needed(last) == n


def test_models_with_one_line_each_share_a_panel() -> None:
    (panel,) = percentile_panels(_stand(_entry("a"), _entry("b")))
    assert panel.title == "" and [line.name for line in panel.lines] == ["a", "b"]


def test_each_model_of_several_records_has_a_panel_of_its_own() -> None:
    panels = percentile_panels(_stand(_entry("a"), _entry("b"), second=[_entry("a"), _entry("b")]))
    assert [panel.title for panel in panels] == ["a", "b"]
    assert [line.name for line in panels[0].lines] == ["first", "second"]


def test_what_does_not_fit_a_panel_is_split_evenly() -> None:
    assert [len(part) for part in parts(list(range(8)))] == [4, 4]
    assert [len(part) for part in parts(list(range(MOST_LINES)))] == [MOST_LINES]
    assert [each for part in parts(list(range(20))) for each in part] == list(range(20))


def test_throughput_is_told_by_batch_for_each_model_and_thread_count() -> None:
    cells = [
        _entry(name, 10 * batch, batch=batch, threads=threads)
        for name in "ab"
        for threads in (1, 2)
        for batch in (8, 1)
    ]
    (panel,) = sweep_panels(_stand(*cells), "batch")
    assert [line.name for line in panel.lines] == ["a · 1 thread", "a · 2 threads", "b · 1 thread", "b · 2 threads"]
    assert list(panel.lines[0].xs) == [1, 8] and panel.lines[0].ys == [100_000, 100_000]
    assert panel.lines[0].ends == [(100_000, 100_000)] * 2


def test_what_does_not_vary_is_no_sweep() -> None:
    standing = _stand(_entry("a", batch=4), _entry("b", batch=8))
    assert sweep_panels(standing, "batch") == sweep_panels(standing, "threads") == []


def test_loads_are_sorted_the_worse_of_each_and_those_without_a_p99_left_out() -> None:
    rates = [
        {"rate": rate, "p99_us": p99} for rate, p99 in ((200.0, 900.0), (50.0, None), (100.0, 500.0), (200.0, 800.0))
    ]
    batches = [{"batch": batch, "samples_per_second": 7.0 * batch, "low": 6.0, "high": 8.0} for batch in (2, 1)]
    served, offline = load_panels(
        _stand(_entry("m", scenario="server", loads=rates), _entry("n", scenario="offline", loads=batches))
    )
    assert served.lines[0].xs == [100.0, 200.0] and served.lines[0].ys == [500.0, 900.0]
    assert offline.lines[0].xs == [1, 2] and offline.lines[0].ys == [7.0, 14.0]
    assert load_panels(_stand(_entry("m"))) == []
