from __future__ import annotations

import dataclasses
import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples
from edgekit.latency.standing import Standing, stand
from edgekit.reporting import bench_page, bench_plots

Make = Callable[..., Entry]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MACHINE = {"cpu": "Intel(R) Xeon(R) Processor @ 2.10GHz", "cores": 2, "usable_cores": 2.0, "flags": ["avx2", "fma"]}
PROFILE = {
    "operators": [
        {"op": "Conv", "device": "cpu", "fallback": False, "nodes": 7, "us": 151.2, "share": 0.86,
         "ceiling_share": 0.48, "bound": "compute"},
        {"op": "NonZero", "device": "cpu", "fallback": True, "nodes": 1, "us": 9.3, "share": 0.05,
         "ceiling_share": None, "bound": None},
    ],
    "nodes": [
        {"name": "conv1", "label": "conv1", "macs": 10**6, "bytes": 50_000, "gflops": 31.0, "share": 0.5, "int8": False}
    ],
    "work": {"macs": 1_000_000, "int8_macs": 0, "weights": 40_000, "values": 10_000, "nodes": 1},
    "p50_us": 176.0,
}  # fmt: skip
CEILINGS = {
    "fp32_gflops": {"value": 100.0}, "int8_gops": {"value": 300.0}, "bandwidth_gbs": {"value": 12.0},
    "bandwidths": [{"bytes": 1e5, "value": 80.0}],
}  # fmt: skip

# Opens the page in frames of several widths, and writes down what does not fit each.
WATCH = """<!doctype html><pre id="found"></pre>{frames}<script>
onload = () => {{
  const found = [...document.querySelectorAll("iframe")].map(frame => {{
    const page = frame.contentDocument, root = page.documentElement;
    return {{
      width: root.clientWidth, needed: root.scrollWidth,
      plots: [...page.querySelectorAll("svg")].filter(plot => plot.getBoundingClientRect().height > 100).length,
      cut: [...page.querySelectorAll("svg")].flatMap(plot => {{
        const box = plot.getBoundingClientRect();
        return [...plot.querySelectorAll("text")].filter(text => {{
          const place = text.getBoundingClientRect();
          return place.width && (place.left < box.left - 2 || place.right > box.right + 2);
        }}).map(text => text.textContent);
      }}),
      fetched: frame.contentWindow.performance.getEntriesByType("resource").length,
    }};
  }});
  document.querySelector("#found").textContent = JSON.stringify(found);
}};
</script>"""


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def _entry(name: str, us: float, n: int = 7000, **said: Any) -> Entry:
    """Make an entry of ten copies, whose times have a tail and one median."""
    times = us * 1000 * (1 + 0.05 * np.random.default_rng(0).gamma(2, 1, n))
    samples = Samples(name, times.astype(int), np.arange(n) // 10, True, np.arange(n) // 10 % 10)
    setting = {"device": "cpu", "threads": 1, "batch": 1, "precision": "fp32", "inputs": {"x": "float32[1,4]"}} | said
    return Entry(name, "onnx", name, setting.pop("sha256", name), 2_800_000, samples=samples, **setting)


def _record(*entries: Entry, notes: tuple[Note, ...] = (), **machine: Any) -> Record:
    versions = {"edgekit": "0.2.0", "onnxruntime": "1.32.0", "numpy": "2.4.6"}
    return Record(
        "2030-01-02T03:04:05+00:00", MACHINE | machine, versions, {"seconds": 20.0}, list(entries), list(notes)
    )


@pytest.fixture
def one() -> Standing:
    """A record of two models, one of them with all that can be known."""
    known = {
        "costs": {"load_cold_ms": 31.2, "load_warm_ms": 8.1, "peak_bytes": 23_000_000, "energy_mj": 0.52},
        "ceiling": {"compute_share": 0.42, "bandwidth_share": 0.1, "overhead_share": 0.0, "bound": "compute"},
        "profile": PROFILE,
    }
    notes = (Note.of("busy-machine", "others kept 1.6 of the 2 processors busy"),)
    record = _record(_entry("teacher.onnx", 170, 400, **known), _entry("student.onnx", 42), notes=notes)
    return stand({"monday": dataclasses.replace(record, ceilings={"1": CEILINGS})})


@pytest.fixture
def three() -> Standing:
    """Three records: of one machine twice, and of another; what may be compared, and what not."""
    first = _record(_entry("teacher.onnx", 170), _entry("student.onnx", 42))
    slower = _record(_entry("teacher.onnx", 221), _entry("student.onnx", 42, sha256="another"))
    return stand({"monday": first, "today": slower, "server": _record(_entry("teacher.onnx", 60), cpu="another")})


def _text(standing: Standing, tmp_path: Path) -> str:
    path = tmp_path / "page.html"
    bench_page.write(standing, path)
    return path.read_text(encoding="utf-8")


def _words(standing: Standing, tmp_path: Path) -> str:
    body = _text(standing, tmp_path).partition("<body>")[2]
    shown = html.unescape(
        re.sub(r"<title>.*?</title>|<wbr>|<[^>]+>", lambda tag: "" if tag[0] == "<wbr>" else " ", body)
    )
    return re.sub(r"\s+", " ", shown)


def test_the_page_of_a_record_says_all_that_it_holds(one: Standing, tmp_path: Path) -> None:
    text = _words(one, tmp_path)
    for said in (
        "student.onnx is 4.0× as fast as teacher.onnx",
        "2030-01-02 03:04 UTC; Intel(R) Xeon(R) Processor @ 2.10GHz, 2 cores; onnxruntime 1.32.0",
        "cpu, 1 thread, batch 1", "student.onnx 45.6 [45.5, 45.6]", "262 too few", "6,236 too few", "7,000 10 copies",
        "42 % compute", "faster", "How the latencies are spread", "How slow the slow ones are",
        "Others kept 1.6 of the 2 processors busy", "Close other programs", "What each costs beside its time",
        "2.8 MB", "31.2 ms", "8.10 ms", "23.0 MB", "0.520 mJ", "Where the time of teacher.onnx goes",
        "Conv 7 151 86 % 48 % compute", "NonZero on cpu 1 9.30 5 %", "Each node under the machine's limits",
        "flags avx2, fma", "versions edgekit 0.2.0, onnxruntime 1.32.0, numpy 2.4.6",
    ):  # fmt: skip
        assert said in text, said
    assert "record" not in text.partition("Where the figures come from")[0]


def test_the_page_of_several_records_compares_and_marks_what_it_must_not(three: Standing, tmp_path: Path) -> None:
    text = _words(three, tmp_path)
    for said in (
        "2 models against monday: 1 clearly faster, 1 clearly slower",
        "monday (baseline): 2030", "over monday", "not compared another file", "slower",
        '"student.onnx" is another file than in monday (sha256 another, there student.) (today)',
        "Another machine than that of monday (cpu another, there Intel(R) Xeon(R) Processor @ 2.10GHz) (server)",
        '"student.onnx" of monday is not in server (server)', "server: machine, versions and settings",
    ):  # fmt: skip
        assert said in text, said


@pytest.mark.parametrize("key", ["batch", "threads"])
def test_a_sweep_shows_what_it_brings(key: str, tmp_path: Path) -> None:
    cells = [_entry(name, us * size**0.5, **{key: size}) for name, us in (("a", 100), ("b", 20)) for size in (1, 2, 4)]
    text = _words(stand({"r": _record(*cells)}), tmp_path)
    titles = {"batch": "What a batch brings", "threads": "What threads bring"}
    assert titles.pop(key) in text and titles.popitem()[1] not in text
    assert "2 threads" in text if key == "threads" else "batch 2" in text


def test_loads_that_were_tried_are_drawn(tmp_path: Path) -> None:
    rates = [
        {"rate": float(rate), "p99_us": 300.0 + rate, "n": 700, "chosen": rate == 200, "held": True}
        for rate in (100, 200)
    ]
    batches = [
        {"batch": batch, "samples_per_second": 900.0 * batch, "low": 880.0 * batch, "high": 910.0 * batch,
         "chosen": batch == 2} for batch in (1, 2)
    ]  # fmt: skip
    entries = [_entry("m", 100, scenario="server", loads=rates), _entry("n", 100, scenario="offline", loads=batches)]
    text = _words(stand({"r": _record(*entries)}), tmp_path)
    assert "n bears the most, 1,800 samples a second" in text
    assert "What load is borne" in text and "1,800 [1,760, 1,820]" in text and "speed-up" not in text


def test_what_is_not_known_has_no_section(tmp_path: Path) -> None:
    bare = dataclasses.replace(_entry("callable", 5, sha256=None), bytes=None)
    text = _words(stand({"r": _record(bare)}), tmp_path)
    assert "callable takes" in text
    for title in ("beside its time", "Where the time of", "What to know", "What load", "brings", "speed-up"):
        assert title not in text, title


def test_nothing_is_fetched_and_nothing_runs(three: Standing, tmp_path: Path) -> None:
    text = _text(three, tmp_path)
    tags = _Tags(text).tags
    assert not {"script", "link", "iframe", "base", "img"} & {tag for tag, _ in tags}
    pointed = [value for _, said in tags for name, value in said.items() if name in ("src", "href", "xlink:href")]
    assert pointed and all(value and value.startswith("#") for value in pointed)
    assert "@import" not in text and "default-src 'none'; style-src 'unsafe-inline'" in text
    assert not re.search(r"#0a0b\d\d", text), "every colour is one of the page's own"


def test_what_a_record_says_is_escaped_everywhere(tmp_path: Path) -> None:
    evil = '<script>alert("1")</script><img src=x onerror=alert(1)>'
    record = _record(_entry(evil, 100), _entry("m", 10, device=evil), notes=(Note.of("drift", evil),), cpu=evil)
    tags = _Tags(_text(stand({evil: record, "other": record}), tmp_path)).tags
    assert not {"script", "img"} & {tag for tag, _ in tags}


def test_ids_are_unique_so_that_plots_do_not_borrow_from_each_other(one: Standing, tmp_path: Path) -> None:
    ids = [said["id"] for _, said in _Tags(_text(one, tmp_path)).tags if "id" in said]
    assert len(ids) == len(set(ids))


def test_the_same_records_give_the_same_page(three: Standing, tmp_path: Path) -> None:
    assert _text(three, tmp_path) == _text(three, tmp_path)


def test_a_page_of_many_times_stays_small(tmp_path: Path) -> None:
    entries = [_entry(f"model_{place}.onnx", 10 + place, 250_000) for place in range(2)]
    assert len(_text(stand({"r": _record(*entries)}), tmp_path)) < 300_000


def test_the_picture_is_as_tall_as_its_rows(one: Standing, three: Standing, tmp_path: Path) -> None:
    sizes = []
    for standing in (one, three):
        bench_plots.write_png(standing, tmp_path / "picture.png")
        with Image.open(tmp_path / "picture.png") as picture:
            picture.load()
            sizes.append(picture.size)
    assert [width for width, _ in sizes] == [1600, 1600] and sizes[0][1] < sizes[1][1]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_page_is_as_wide_as_a_phone_or_a_desk_and_cuts_no_word(
    one: Standing, three: Standing, tmp_path: Path
) -> None:
    assert BROWSER
    long = stand(
        {"a_record_of_a_long_name": _record(*(_entry(f"{'long_' * 12}{n}.onnx", n, batch=n) for n in (1, 64)))}
    )
    frames = ""
    for standing in (one, three, long):
        source = html.escape(_text(standing, tmp_path), quote=True)
        for width in (390, 1280):
            frames += f'<iframe width="{width}" height="900" style="border: 0" srcdoc="{source}"></iframe>'
    watch = tmp_path / "watch.html"
    watch.write_text(WATCH.format(frames=frames), encoding="utf-8")
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,1000", "--dump-dom", watch.as_uri(),
    ]  # fmt: skip
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    told = re.search(r'<pre id="found">(.*?)</pre>', dumped, re.DOTALL)
    assert told
    found = json.loads(html.unescape(told[1]))
    assert len(found) == 6
    for seen, width, plots in zip(found, (390, 1280) * 3, (3, 3, 2, 2, 2, 2), strict=True):
        assert width - 20 <= seen["width"] <= width
        assert seen["needed"] <= seen["width"]
        assert seen["plots"] >= plots and seen["cut"] == [] and seen["fetched"] == 0
