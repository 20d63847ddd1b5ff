from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import DataError
from edgekit.reporting import search_page, search_tables
from edgekit.reporting.search_record import parse

Save = Callable[[dict[str, Any]], Path]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# Opens the page in frames of several widths, and writes down what does not fit each.
WATCH = """<!doctype html><pre id="found"></pre>{frames}<script>
onload = () => {{
  const found = [...document.querySelectorAll("iframe")].map(frame => {{
    const page = frame.contentDocument, root = page.documentElement;
    const plots = [...page.querySelectorAll("svg")].filter(plot => plot.getBoundingClientRect().height > 100);
    return {{
      width: root.clientWidth, needed: root.scrollWidth, plots: plots.length,
      cut: plots.flatMap(plot => {{
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


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Save:
    """Write a search's folder under the working folder's runs/, and return it."""
    monkeypatch.chdir(tmp_path)

    def write(said: dict[str, Any]) -> Path:
        folder = Path("runs/clothes/search-ab12cd34")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "search.json").write_text(json.dumps(said))
        return folder

    return write


def words(folder: Path) -> str:
    """Read the body's words, those of neighbouring cells apart, without those of the plots."""
    body = search_page.write(folder).read_text(encoding="utf-8").partition("<body>")[2]
    shown = re.sub(r"<svg.*?</svg>|<wbr>|<[^>]+>", lambda tag: "" if tag[0] == "<wbr>" else " ", body, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(shown))


def test_the_page_says_what_was_searched_what_was_found_and_how(found: dict[str, Any], keep: Save) -> None:
    text = words(keep(found))
    for said in (
        "clothes · search-ab12cd34 · 2026-03-14 09:26 UTC · took 1 h 46 min",
        "9 trials: from 92.4 % in 160 µs to 93.1 % in 400 µs; the recipe as it stands has 92.0 % in 200 µs",
        "9 trials of 3 settings in 1 h 46 min with 2 workers: 4 complete, 2 stopped early", "Limits: p50 ≤ 450 µs.",
        "fastest 92.4 % 160 µs, 12.5× the teacher's speed 4.8 KB", "chosen on the front, with 95 % intervals beaten by",
        "outside the limits the recipe as it stands limits × stopped early", "most-accurate trial 1 The best.",
        "edgekit distill runs/clothes/search-ab12cd34/points/fastest.yaml", "bundle points/most-accurate",
        "bundle on the machine that made it", "All share: soft-target.temperature 4, prune true.",
        "3 trials/00000003 90.5 % [89.9, 91.0] 100 20.0× [19.8, 20.2] 3.2 KB after distill 720 width 8",
        "student.args.width 8, 16 or 24 16", "1 to 8, logarithmic 4", "54,000 to train, 6,000 to choose,",
        "stages.distill.epochs 9", "6,000 validation examples, and the same examples chose the points",
        "The test examples were not used to choose.", "All 9 trials", "5 stopped 90.0 % after 3 41 s",
        "behind 4 others after 3 epochs", "0.5 ms where 0.45 ms may be", "Made by edgekit 0.4.0",
    ):  # fmt: skip
        assert said in text.replace("\u00a0", " "), said


def test_a_search_that_was_stopped_says_how_it_goes_on(found: dict[str, Any], keep: Save) -> None:
    found["command"] = "edgekit search clothes.yaml --trials 9 --jobs 2"
    text = words(keep(found | {"status": "stopped"}))
    assert "The search was stopped; all its trials are kept." in text
    assert "edgekit search clothes.yaml --trials 9 --jobs 2" in text
    assert "is at work" in words(keep(found | {"status": "running"}))
    assert "goes on with it" not in words(keep(found))


@pytest.mark.parametrize(
    ("change", "headline"),
    [
        pytest.param({"trials": []}, "The search has only begun", id="no trial"),
        pytest.param({"front": [], "chosen": []}, "Of 9 trials none meets the limit", id="none feasible"),
        pytest.param({"teacher": None, "limits": {}}, "9 trials: from", id="no teacher"),
        pytest.param(
            {"metric": {"name": "error", "unit": "", "sign": -1}}, "Less error is better, and drawn up", id="less"
        ),
        pytest.param({"metric": {"name": "bits", "unit": "bits", "sign": -1}}, "92.400 bits", id="a unit"),
    ],
)
def test_whatever_came_of_it_there_is_a_page(found: dict[str, Any], keep: Save, change: Any, headline: str) -> None:
    text = words(keep(found | change)).replace("\u00a0", " ")
    assert headline in text
    assert ("The front" in text) == bool(found["front"] and change.get("front", True) and change.get("trials", True))


def test_nothing_is_fetched_nothing_runs_and_ids_are_unique(found: dict[str, Any], keep: Save) -> None:
    text = search_page.write(keep(found)).read_text(encoding="utf-8")
    tags = _Tags(text).tags
    assert not {"script", "link", "iframe", "base", "img"} & {tag for tag, _ in tags}
    pointed = [value for _, said in tags for name, value in said.items() if name in ("src", "href", "xlink:href")]
    assert all(value and value.startswith("#") for value in pointed)
    assert ("meta", "default-src 'none'; style-src 'unsafe-inline'") in [
        (tag, said.get("content")) for tag, said in tags
    ]
    ids = [said["id"] for _, said in tags if "id" in said]
    assert len(ids) == len(set(ids))


def test_what_a_record_says_is_escaped_everywhere(found: dict[str, Any], keep: Save) -> None:
    evil = '<script>alert("1")</script>'
    found |= {"name": evil, "recipe_file": evil, "created": evil, "short": {evil: evil}, "machine": {"cpu": evil}}
    found["space"][evil] = [evil]
    found["chosen"][0] |= {"name": evil, "why": evil, "recipe": evil, "bundle": evil}
    for trial in found["trials"]:
        trial |= {"why": evil, "run": evil, "kept": evil}
        trial["overrides"] |= {evil: evil, "student.args.width": evil + str(trial["number"])}
    text = search_page.write(keep(found)).read_text(encoding="utf-8")
    assert "script" not in {tag for tag, _ in _Tags(text).tags}
    assert text.count("&lt;script&gt;") > 20


def test_the_same_search_gives_the_same_page(found: dict[str, Any], keep: Save) -> None:
    folder = keep(found)
    assert search_page.write(folder).read_bytes() == search_page.write(folder).read_bytes()


def test_a_damaged_record_is_an_error(found: dict[str, Any], keep: Save) -> None:
    with pytest.raises(DataError, match="is damaged: trials"):
        search_page.write(keep(found | {"trials": 3}))


def test_settings_that_all_share_are_told_once(found: dict[str, Any]) -> None:
    rows = search_tables.front(parse(found, "here"))
    assert [row["settings"] for row in rows] == [["width 8"], ["width 12"], ["width 24"]]
    (alone,) = search_tables.front(parse(found | {"front": [1]}, "here"))
    assert alone["settings"] == ["width 24", "soft-target.temperature 4", "prune true"]


def test_every_trial_says_what_became_of_it(found: dict[str, Any]) -> None:
    found["trials"][2]["duplicate"] = 1
    rows = search_tables.trials(parse(found, "here"))
    assert [row["state"] for row in rows] == [
        "complete", "front", "front", "front", "outside", "stopped", "stopped", "failed", "lost",
    ]  # fmt: skip
    assert rows[0]["why"] == "the recipe as it stands"
    assert rows[2]["why"] == "the same as trial 1"


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_it_fits_every_window(found: dict[str, Any], keep: Save, tmp_path: Path) -> None:
    found["space"] = {name + "_that_goes_on_and_on": given for name, given in found["space"].items()}
    for trial in found["trials"]:
        trial["overrides"] = {name + "_that_goes_on_and_on": given for name, given in trial["overrides"].items()}
    found["trials"] += [found["trials"][0] | {"number": number, "own": False} for number in range(9, 20)]
    address = search_page.write(keep(found)).resolve().as_uri()
    frames = "".join(f'<iframe src="{address}" width="{width}" height="900"></iframe>' for width in (360, 600, 1200))
    (tmp_path / "watch.html").write_text(WATCH.format(frames=frames))
    assert BROWSER
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        "--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,1000",
        "--dump-dom", (tmp_path / "watch.html").as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    for frame in json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', shown)[1])):  # type: ignore[index]
        assert frame["needed"] <= frame["width"] and frame["plots"] and not frame["cut"] and not frame["fetched"], frame
