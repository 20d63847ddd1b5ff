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

from edgekit import files
from edgekit.errors import DataError
from edgekit.reporting import page

Save = Callable[[dict[str, Any]], Path]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

# Opens the page in frames of several widths, and writes down what a reader would find in each.
WATCH = """<!doctype html><pre id="found"></pre>{frames}<script>
onload = () => {{
  const found = [...document.querySelectorAll("iframe")].map(frame => {{
    const page = frame.contentDocument, root = page.documentElement;
    return {{
      width: root.clientWidth, needed: root.scrollWidth,
      rows: [...page.querySelectorAll("#models ~ .card tbody tr")].map(row => row.innerText),
      plots: [...page.querySelectorAll("svg")].filter(plot => plot.getBoundingClientRect().height > 100).length,
      pictures: [...page.querySelectorAll("img")].filter(image => image.naturalWidth && image.offsetWidth > 60).length,
      fetched: frame.contentWindow.performance.getEntriesByType("resource").length,
    }};
  }});
  document.querySelector("#found").textContent = JSON.stringify(found);
}};
</script>"""


class _Tags(HTMLParser):
    """Collects every tag with its attributes, and the text outside of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(folder: Path) -> _Tags:
    return _Tags(page.write(folder).read_text(encoding="utf-8"))


def _words(folder: Path) -> str:
    """Read the body's words, those of neighbouring cells apart."""
    body = page.write(folder).read_text(encoding="utf-8").partition("<main>")[2]
    shown = re.sub(r"<title>.*?</title>|<[^>]+>", " ", body, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(shown))


def _dump(tmp_path: Path, address: Path) -> str:
    assert BROWSER
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,1000", "--dump-dom", address.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_page_says_all_that_a_person_who_decides_asks(run: dict[str, Any], save: Save) -> None:
    text = _read(save(run)).text.replace("\u00a0", " ")
    for said in (
        "The pruned model is 12.2× faster and 14.6× smaller than its teacher, at 97.5 % [95.3, 98.7] accuracy",
        "student alone", "distilled", "quantized", "172.9 K", "5.2 M", "712.4 KB", "12.2×",
        "2 of 3 targets met", "−0.2 points [−0.9, +0.5] on validation, n = 360", "1.34× [1.31, 1.37] over distilled",
        "Class by class", 'edgekit.load("bundle")', "np.zeros((8, 8, 1), np.uint8)", "edgekit predict bundle image.png",
        "1,077 to train, 360 to judge, 360 to test", "Intel(R) Xeon(R) Processor @ 2.10GHz", "onnxruntime 1.32.0",
        "max_drop_points: 0.5", "the judge sees little",
    ):  # fmt: skip
        assert said in text, said
    for verdict in (stage["verdict"] for stage in run["stages"]):
        assert verdict["reason"] in text


def test_nothing_is_fetched_and_nothing_runs(run: dict[str, Any], save: Save) -> None:
    text = page.write(save(run)).read_text(encoding="utf-8")
    tags = _Tags(text).tags
    assert not {"script", "link", "iframe", "base"} & {tag for tag, _ in tags}
    pointed = [value for _, said in tags for name, value in said.items() if name in ("src", "href", "xlink:href")]
    assert pointed
    assert all(value and value.startswith(("#", "data:image/png;base64,")) for value in pointed)
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    assert ("meta", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in [
        (t, said.get("content")) for t, said in tags
    ]


def test_what_a_run_says_is_escaped_everywhere(run: dict[str, Any], save: Save) -> None:
    evil = '<script>alert("1")</script><img src=x onerror=alert(1)>'
    distilled = run["stages"][2]["verdict"]
    distilled["reason"] = distilled["label"] = evil
    distilled["notes"] = [evil]
    run["data"]["labels"][3] = evil
    run["machine"]["cpu"] = run["recipe"]["task"] = run["recipe_file"] = run["created"] = evil
    found = _read(save(run))
    assert "script" not in {tag for tag, _ in found.tags}
    assert not [said for _, said in found.tags if said.get("src") == "x" or "onerror" in said]
    assert found.text.count(evil) >= 7


def test_ids_are_unique_so_that_plots_do_not_borrow_from_each_other(run: dict[str, Any], save: Save) -> None:
    ids = [said["id"] for _, said in _read(save(run)).tags if "id" in said]
    assert len(ids) == len(set(ids))


def test_the_same_run_gives_the_same_page(run: dict[str, Any], save: Save) -> None:
    folder = save(run)
    first = page.write(folder).read_bytes()
    assert page.write(folder).read_bytes() == first


def test_an_unfinished_run_gets_a_page_that_says_what_is_missing(run: dict[str, Any], save: Save) -> None:
    run |= {"status": "running", "kept": None, "bundle": None, "targets": [], "stages": run["stages"][:2]}
    text = _read(save(run)).text
    assert "This run is unfinished: 2 of 5 models are judged." in text
    assert "Still to come: distill, prune, quantize." in text
    assert "edgekit distill digits.yaml" in text
    assert "Using it" not in text


def test_a_run_that_was_just_begun_gets_a_page(run: dict[str, Any], save: Save) -> None:
    run |= {"status": "running", "kept": None, "bundle": None, "targets": [], "stages": [], "data": None}
    assert "Still to come: teacher, student, distill, prune, quantize." in _read(save(run)).text


def test_of_many_classes_those_that_changed_most_are_shown(run: dict[str, Any], save: Save) -> None:
    run["data"]["labels"] = [f"class {number}" for number in range(100)]
    run["differences"] = None
    run["stages"][0]["verdict"]["test"]["per_class"] = [0.9] * 100
    run["stages"][3]["verdict"]["test"]["per_class"] = [0.9] * 42 + [0.2, None] + [0.9] * 56
    text = _words(save(run))
    assert "the 20 of 99 classes that changed most" in text
    names = re.findall(r"\bclass \d+\b", text.partition("Using it")[0])
    assert len(names) == 20
    assert "class 42" in names


def test_the_page_shows_what_the_small_model_lost(run: dict[str, Any], save: Save) -> None:
    folder = save(run)
    text = _words(folder)
    for said in (
        "−1.1 points [−2.4, +0.3] on test, n = 360", "only the teacher is right 5 1.4 %", "8 for 1 1 4",
        "8 36 94.3 % 88.6 % 88.6 % −5.7 [−11.8, +3.2]", "Only the pruned model is right 1 of 2",
        "expected calibration error 0.40 points, no more than chance makes",
        "3.12 points, more than chance makes (up to 1.20 points): on average 3.17 points surer than it should be",
        "8 test example 17 the image teacher ✓ 8 98.3 % pruned ✗ 1 91.2 %",
        "Maps of the distilled network, which the pruned model was made from: Grad-CAM (Selvaraju et al. 2017) at "
        "its layer blocks.2.conv2",
    ):  # fmt: skip
        assert said in text, said
    assert len([tag for tag, _ in _read(folder).tags if tag == "img"]) == 15


@pytest.mark.parametrize(
    ("differences", "told"),
    [
        pytest.param(None, "Not known of this run: it was made before edgekit kept every answer.", id="an old run"),
        pytest.param({"missing": "the metric is odd"}, "Not known of this run: the metric is odd.", id="no accuracy"),
    ],
)
def test_what_is_not_known_of_the_differences_is_said(
    differences: dict[str, str] | None, told: str, run: dict[str, Any], save: Save
) -> None:
    run["differences"] = differences
    text = _read(save(run)).text
    assert told in text
    assert "Class by class" in text, "the verdicts know the classes"
    assert "How sure they are" not in text


def test_a_run_that_kept_its_teacher_has_no_differences_to_show(run: dict[str, Any], save: Save) -> None:
    run |= {"kept": "teacher", "differences": None}
    assert "Where they differ" not in _read(save(run)).text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(None, "There are no pictures: the examples are no images.", id="no images"),
        pytest.param({"shown": []}, "There are no pictures: the two part on no image.", id="no difference"),
        pytest.param({"file": "gone.npz"}, "There are no pictures: gone.npz is gone or damaged.", id="lost"),
        pytest.param(
            {"maps": {}},
            "No map could be made of the pruned network: it has no",
            id="no convolution",
        ),
    ],
)
def test_pictures_that_are_not_there_are_explained(
    change: dict[str, Any] | None, told: str, run: dict[str, Any], save: Save
) -> None:
    pictures = run["differences"]["pictures"]
    run["differences"]["pictures"] = change if change is None else pictures | change
    assert told in _read(save(run)).text


def test_without_scores_per_class_there_is_no_such_section(run: dict[str, Any], save: Save) -> None:
    run["differences"] = {"missing": "the metric is not accuracy"}
    del run["stages"][3]["verdict"]["test"]["per_class"]
    assert "Class by class" not in _read(save(run)).text


@pytest.mark.parametrize(
    ("task", "tensor", "line"),
    [
        ("classification", "features: float32[N,30]", "answer = model.predict(np.zeros((30,), np.float32))\n"),
        ("classification", "input: float32[N,3,H,W]", 'model({"input": np.zeros((1, 3, 32, 32), np.float32)})\n'),
        ("custom", "input: int64[N,12]", 'model({"input": np.zeros((1, 12), np.int64)})\n'),
    ],
    ids=["features", "images as features", "a task of the user's own"],
)
def test_the_five_lines_fit_what_the_bundle_takes(
    run: dict[str, Any], save: Save, task: str, tensor: str, line: str
) -> None:
    folder = save(run)
    manifest = folder / "bundle/manifest.json"
    said = files.read_sealed(manifest)
    assert said
    files.write_sealed(manifest, said | {"task": task, "inputs": [tensor]})
    text = _read(folder).text
    assert line in text
    assert "image.png" not in text


def test_without_a_bundle_nobody_is_told_to_use_it(run: dict[str, Any], save: Save) -> None:
    folder = save(run)
    (folder / "bundle/manifest.json").unlink()
    assert "Using it" not in _read(folder).text


def test_a_run_of_the_users_own_python_objects_gets_a_page(run: dict[str, Any], save: Save) -> None:
    run["recipe"] = {"name": "digits", "seed": 0, "stages": {"distill": {}}}
    run["recipe_file"] = None
    run["data"] |= {"validation": None, "test": None, "labels": []}
    text = _read(save(run)).text
    assert "digits, seed 0" in text
    assert "1,077 to train\n" in text


def test_a_damaged_record_leaves_the_old_page_alone(run: dict[str, Any], save: Save) -> None:
    folder = save(run)
    before = page.write(folder).read_bytes()
    (folder / "run.json").write_text('{"schema": 1')
    with pytest.raises(DataError, match="cannot be read"):
        page.write(folder)
    assert (folder / page.FILE).read_bytes() == before


@browser
def test_chromium_opens_the_page_and_shows_every_row(run: dict[str, Any], save: Save, tmp_path: Path) -> None:
    found = _Tags(_dump(tmp_path, page.write(save(run))))
    assert len([tag for tag, said in found.tags if tag == "svg"]) == 6
    for stage in run["stages"]:
        assert stage["verdict"]["label"] in found.text
        assert stage["verdict"]["reason"] in found.text


@browser
def test_the_page_is_as_wide_as_a_phone_or_a_desk_and_never_wider(
    run: dict[str, Any], save: Save, tmp_path: Path
) -> None:
    source = html.escape(page.write(save(run)).read_text(encoding="utf-8"), quote=True)
    frames = "".join(
        f'<iframe width="{width}" height="900" style="border: 0" srcdoc="{source}"></iframe>' for width in (390, 1280)
    )
    watch = tmp_path / "watch.html"
    watch.write_text(WATCH.format(frames=frames), encoding="utf-8")
    told = re.search(r'<pre id="found">(.*?)</pre>', _dump(tmp_path, watch), re.DOTALL)
    assert told
    phone, desk = json.loads(html.unescape(told[1]))
    for seen, width in ((phone, 390), (desk, 1280)):
        assert width - 20 <= seen["width"] <= width
        assert seen["needed"] <= seen["width"]
        assert len(seen["rows"]) == 5
        assert seen["plots"] == 3
        assert seen["pictures"] == 15, "three examples: the image, and two maps over it"
        assert seen["fetched"] == 0
