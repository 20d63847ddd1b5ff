from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples
from edgekit.latency.standing import Standing, stand
from edgekit.reporting import bench_tables

LIMITS = {"compute_share": 0.42, "bandwidth_share": 0.31, "overhead_share": 0.07}


def _entry(name: str, n: int = 700, **said: Any) -> Entry:
    samples = Samples(name, np.full(n, 45_000), np.arange(n), True, np.arange(n) % 5)
    setting = {"device": "cpu", "threads": 1, "batch": 1, "precision": "fp32", "inputs": {}} | said
    return Entry(name, "onnx", name, name, setting.pop("bytes", 2_800_000), samples=samples, **setting)


def _stand(**records: list[Entry]) -> Standing:
    return stand({name: Record("2030-01-02T03:04:05+00:00", {}, {}, {}, held, []) for name, held in records.items()})


def test_a_row_says_what_was_measured_and_how_many_samples_are_lacking() -> None:
    (row,) = bench_tables.rows(_stand(r=[_entry("m")]))
    assert row["p50"] == "45.0" and row["interval"] == "[45.0, 45.0]" and row["n"] == "700" and row["copies"] == 5
    assert row["tails"] == ["45.0", "45.0", ""] and row["lacking"] == [0, 0, 5936]


@pytest.mark.parametrize(
    ("bound", "said"), [("compute", "42 % compute"), ("memory", "31 % memory"), ("overhead", "7 % overhead")]
)
def test_a_row_says_how_near_its_limit_it_is(bound: str, said: str) -> None:
    (row,) = bench_tables.rows(_stand(r=[_entry("m", ceiling={**LIMITS, "bound": bound})]))
    assert row["limit"].replace("\u00a0", " ") == said
    assert bench_tables.rows(_stand(r=[_entry("m")]))[0]["limit"] == ""


def test_costs_that_records_agree_on_are_told_once() -> None:
    found = {"load_cold_ms": 31.2, "load_warm_ms": 8.1, "peak_bytes": 23_000_000, "energy_mj": None}
    slower = found | {"load_cold_ms": 60.0}
    a = [_entry("m", costs=found), _entry("m", threads=2, costs=slower), _entry("n"), _entry("call", bytes=None)]
    told = bench_tables.costs(_stand(a=a, b=[_entry("m", costs=slower), _entry("n")]))
    assert [(row["name"], row["record"], row["load"]) for row in told] == [
        ("m", "a", "31.2 ms"), ("m", "b", "60.0 ms"), ("n", "", ""),
    ]  # fmt: skip
    assert told[0]["memory"] == "23.0 MB" and told[0]["energy"] == "" and told[2]["file"] == "2.8 MB"


def test_of_a_profile_the_operators_that_take_time_are_told_and_the_rest_counted() -> None:
    known = [("Conv", "cuda", 0.9, 0.5), ("Mul", "cpu", 0.1, None), ("Add", "cuda", 0.004, None)]
    kinds = [
        {"op": op, "device": device, "fallback": device != "cuda", "nodes": 1, "us": 100 * share, "share": share,
         "ceiling_share": limit, "bound": "compute"}
        for op, device, share, limit in known
    ]  # fmt: skip
    (told,) = bench_tables.profiles(_stand(r=[_entry("plain"), _entry("m", profile={"operators": kinds})]))
    assert (told["place"], told["label"], told["more"]) == (1, "m", 1)
    assert [row["op"] for row in told["rows"]] == ["Conv", "Mul on cpu"]
    assert [row["limit"].replace("\u00a0", " ") for row in told["rows"]] == ["50 % compute", ""]
