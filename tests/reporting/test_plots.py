from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edgekit.errors import DataError
from edgekit.reporting import plots
from edgekit.reporting.record import parse

Save = Callable[[dict[str, Any]], Path]
SVG = "{http://www.w3.org/2000/svg}"


def _texts(svg: str) -> list[str]:
    return ["".join(element.itertext()).strip() for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_the_tradeoff_names_every_model_in_words_that_stay_text(run: dict[str, Any]) -> None:
    texts = " ".join(_texts(plots.tradeoff_svg(parse(run, "run.json"), "wide", 860)))
    for word in ("teacher", "student alone", "distilled", "pruned", "quantized", "48.7 KB", "p50 latency, µs"):
        assert word in texts


def test_a_drawing_takes_its_colours_from_the_page_and_its_ids_from_its_name(run: dict[str, Any]) -> None:
    svg = plots.tradeoff_svg(parse(run, "run.json"), "wide", 860)
    assert "var(--accent)" in svg
    assert not re.search(r"#0a0b0\d", svg)
    assert all(name.startswith("wide-") for name in re.findall(r'\bid="([^"]+)"', svg))
    referred = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)
    assert referred
    assert all(f'id="{one or other}"' in svg for one, other in referred)


def test_the_same_run_gives_the_same_bytes(run: dict[str, Any]) -> None:
    told = parse(run, "run.json")
    assert plots.tradeoff_svg(told, "wide", 860) == plots.tradeoff_svg(told, "wide", 860)


def test_markup_in_a_label_is_text_in_the_drawing(run: dict[str, Any]) -> None:
    run["stages"][2]["verdict"]["label"] = "<script>alert(1)</script> $x^2$"
    svg = plots.tradeoff_svg(parse(run, "run.json"), "wide", 860)
    assert "<script" not in svg
    assert any("<script>alert(1)</script> $x^2$" in text for text in _texts(svg))


def test_only_undone_models_are_hollow(run: dict[str, Any]) -> None:
    kept = plots.tradeoff_svg(parse(run, "run.json"), "wide", 860).count("fill: var(--card)")
    run["stages"][3]["verdict"]["decision"] = "undone"
    assert plots.tradeoff_svg(parse(run, "run.json"), "wide", 860).count("fill: var(--card)") == kept + 1


def test_the_picture_is_written_whole(run: dict[str, Any], save: Save, tmp_path: Path) -> None:
    plots.write_png(save(run), tmp_path / "out/picture.png")
    with Image.open(tmp_path / "out/picture.png") as picture:
        picture.load()
        assert picture.size == (1600, 900)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["picture.png"]


def test_a_run_without_verdicts_has_no_picture(run: dict[str, Any], save: Save, tmp_path: Path) -> None:
    run |= {"status": "running", "stages": [], "kept": None}
    with pytest.raises(DataError, match="nothing to draw yet"):
        plots.write_png(save(run), tmp_path / "picture.png")
