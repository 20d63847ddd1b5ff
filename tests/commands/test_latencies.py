import numpy as np
import pytest

from edgekit.commands import latencies
from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples
from edgekit.latency.standing import stand


def entry(name, ns, count=700, *, device="cpu", threads=1, batch=1, **more):
    samples = Samples(name, np.full(count, ns), np.arange(count) // 200)
    said = (f"{name}.onnx", "00" * 32, 98_700_000, device, threads, batch, "fp32", {"x": f"float32[{batch},4]"})
    return Entry(samples.name, "onnx", *said, samples, **more)


def printed(capsys, *entries, notes=()):
    record = Record("2030-01-02T03:04:05+00:00", {}, {}, {}, list(entries), list(notes))
    standing = stand({"record": record})
    latencies.print_latencies(standing)
    latencies.print_costs(record)
    latencies.print_notes(standing)
    return capsys.readouterr().out


def widest(out):
    return max(len(line.rstrip()) for line in out.splitlines() if not line.startswith("note:"))


def test_the_table_fits_100_columns(capsys):
    models = entry("runs/digits/1a2b3c4d/another/bundle", 9_912_345), entry("other_model", 9_123_456, 123_456)
    out = printed(capsys, *models)
    assert widest(out) <= 100 and "…" in out


def test_the_table_fits_100_columns_where_every_setting_varies(capsys):
    entries = [
        entry("torch:long/resnet.py?depth=8&width=16", 9_912_345, device=device, threads=threads, batch=batch)
        for device in ("cpu", "openvino") for threads in (1, 64) for batch in (1, 1024)
    ]  # fmt: skip
    out = printed(capsys, *entries, entry("student.onnx", 9_800_000, 123_456))
    assert widest(out) <= 100
    for column in ("device", "threads", "batch", "p50", "p90", "p99", "over the first"):
        assert column in out


def test_a_setting_has_a_column_only_where_it_varies(capsys):
    out = printed(capsys, entry("a", 1000, threads=1), entry("a", 1000, threads=2))
    assert " threads " in out and "device" not in out and " batch " not in out.splitlines()[1]
    assert "single-stream, cpu, batch 1, fp32" in out.splitlines()
    out = printed(capsys, entry("a", 1000), entry("mine", 1000, device="own", threads=0))
    assert "device" not in out and " threads " not in out


def test_a_row_says_how_it_compares_with_the_first(capsys):
    out = printed(capsys, entry("teacher", 200_000), entry("student", 100_000), entry("twin", 200_000))
    assert "2.00× [2.00, 2.00]" in out and "faster" in out
    assert "1.00× [1.00, 1.00]" in out and "no clear difference" in out
    assert "more: give it more" not in out


def test_a_percentile_of_too_few_samples_is_not_printed_but_what_it_lacks(capsys):
    out = printed(capsys, entry("slow", 20_000_000, 70))
    assert "p50 ms" in out and " - " in out
    assert "p99 needs 592 samples more" in out


def test_what_a_model_costs_stands_in_a_table_of_its_own(capsys):
    costs = {"load_cold_ms": 12.345, "load_warm_ms": 0.5, "dropped": True, "peak_bytes": 2_500_000, "energy_mj": None}
    out = printed(
        capsys, entry("m", 1000, costs=costs), entry("m", 1000, batch=8, costs=costs | {"peak_bytes": 9_000_000})
    )
    (line,) = [line for line in out.splitlines() if "98.7 MB" in line]
    assert line.split() == ["m", "fp32", "98.7", "MB", "12.3", "ms", "0.500", "ms", "9.0", "MB"]
    assert "energy" not in out
    assert "1.50 mJ" in printed(capsys, entry("m", 1000, costs=costs | {"energy_mj": 1.5}))


def test_costs_that_could_not_be_found_say_why(capsys):
    out = printed(capsys, entry("m", 1000, costs={"error": "it took longer than 120 s"}))
    assert "m: load time and memory could not be found: it took longer than 120 s" in out


def test_doubts_of_one_kind_share_a_line(capsys):
    notes = [Note.of("not-settled", f'"{name}" was getting faster') for name in "abcde"]
    out = printed(capsys, entry("m", 1000), notes=[*notes, notes[0], Note.of("few-cores", "4 threads")])
    told = [line for line in out.splitlines() if line.startswith("note:")]
    assert len(told) == 2 and told[0].count("was getting faster") == 3 and "; 2 more: " in told[0]


def test_models_that_never_met_have_no_ratio():
    samples = Samples("b", np.full(70, 10), np.arange(1000, 1070))
    b = Entry("b", "onnx", None, None, None, "cpu", 1, 1, None, {}, samples)
    summary = latencies.summary(stand({"r": Record("now", {}, {}, {}, [entry("a", 10), b], [])}))
    assert summary["ratios"] == [] and summary["models"][1]["speedup"] is None


@pytest.mark.parametrize("ratio", [0.004, 0.04, 4, 400])
def test_a_ratio_has_digits_that_count(capsys, ratio):
    out = printed(capsys, entry("a", 1_000_000), entry("b", round(1_000_000 / ratio)))
    assert f"{ratio:g}"[:3] in out
