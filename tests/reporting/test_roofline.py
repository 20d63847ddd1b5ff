from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from edgekit.errors import DataError
from edgekit.reporting.roofline import roofline_svg, write_png

SVG = "{http://www.w3.org/2000/svg}"
CEILINGS: dict[str, Any] = {
    "fp32_gflops": {"value": 100.0},
    "int8_gops": {"value": 1234.0},
    "bandwidth_gbs": {"value": 10.0},
    "bandwidths": [{"bytes": 1_000_000, "value": 80.0}, {"bytes": 100_000_000, "value": 10.0}],
}


def node(label: str, share: float, macs: int, moved: int, int8: bool = False) -> dict[str, Any]:
    rate = 2e-3 * macs / (1000 * share) if macs else 0.0
    return {"label": label, "share": share, "macs": macs, "bytes": moved, "gflops": rate, "int8": int8}


def profile(*nodes: dict[str, Any]) -> dict[str, Any]:
    work = {"macs": sum(each["macs"] or 0 for each in nodes), "weights": sum(each["bytes"] or 0 for each in nodes)}
    return {"p50_us": 1000.0, "nodes": list(nodes), "work": {**work, "values": 0}}


NETWORK = profile(
    *(node(f"blocks.{index}.conv", 0.06, 2_000_000 + 60_000 * index, 200_000 + 30_000 * index) for index in range(8)),
    node("stem", 0.1, 400_000, 200_000),
    node("expand", 0.2, 9_000_000, 100_000),
    node("head", 0.05, 10_000, 40_000),
    node("relu", 0.02, 0, 40_000),
)


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()).strip() for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_roofs_and_what_takes_much_of_the_time_are_named() -> None:
    found = texts(roofline_svg(NETWORK, CEILINGS, "wide", 860))
    for said in ("fp32 100 GFLOP/s", "cache 80.0 GB/s", "memory 10.0 GB/s", "the whole model", "expand, 20 %"):
        assert said in found
    assert any(re.fullmatch(r"blocks\.\d\.conv \+\d, \d+ %", text) for text in found), "one name for one place"
    assert not any("int8" in text or "relu" in text for text in found)


def test_8_bit_nodes_are_hollow_and_raise_the_roof() -> None:
    float_alone = roofline_svg(NETWORK, CEILINGS, "wide", 860)
    integer = profile(*NETWORK["nodes"], node("quantized", 0.1, 5_000_000, 100_000, int8=True))
    svg = roofline_svg(integer, CEILINGS, "wide", 860)
    assert "int8 1,234 GOP/s" in texts(svg)
    assert svg.count("fill: var(--card)") == float_alone.count("fill: var(--card)") + 1


def test_a_drawing_takes_its_colours_from_the_page_and_its_ids_from_its_name() -> None:
    svg = roofline_svg(NETWORK, CEILINGS, "roof", 860)
    assert "var(--accent)" in svg
    assert not re.search(r"#0a0b0\d", svg)
    assert all(name.startswith("roof-") for name in re.findall(r'\bid="([^"]+)"', svg))
    assert svg == roofline_svg(NETWORK, CEILINGS, "roof", 860)


@pytest.mark.parametrize("width", [350, 860])
def test_no_name_covers_another(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    figures: list[Figure] = []
    from edgekit.reporting import roofline

    draw = roofline._roofline

    def spy(figure: Figure, *rest: Any) -> None:
        draw(figure, *rest)
        figures.append(figure)

    monkeypatch.setattr(roofline, "_roofline", spy)
    roofline_svg(NETWORK, CEILINGS, "roof", width)
    (figure,) = figures
    names = [text for text in figure.texts if not text.get_rotation()]  # those on slanted roofs have no upright box
    boxes = [(text.get_text(), text.get_window_extent()) for text in names]
    covered = [(a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if one.overlaps(other)]
    assert not covered
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for _, box in boxes)
    assert len(names) >= 3


def test_where_nothing_multiplies_there_is_nothing_to_draw(tmp_path: Path) -> None:
    empty = profile(node("relu", 0.9, 0, 1000))
    assert roofline_svg(empty, CEILINGS, "roof", 860) == ""
    with pytest.raises(DataError, match='of "tiny" no node can be placed'):
        write_png(empty, CEILINGS, tmp_path / "roof.png", "tiny")
    assert not (tmp_path / "roof.png").exists()


def test_nodes_of_unknown_work_are_left_out() -> None:
    unknown: dict[str, Any] = {"label": "odd", "share": 0.5, "macs": None, "bytes": None, "gflops": None, "int8": False}
    svg = roofline_svg(profile(*NETWORK["nodes"], unknown), CEILINGS, "roof", 860)
    assert not any("odd" in text for text in texts(svg))


def test_the_picture_is_written_whole(tmp_path: Path) -> None:
    write_png(NETWORK, CEILINGS, tmp_path / "out/roof.png", "student.onnx")
    with Image.open(tmp_path / "out/roof.png") as picture:
        assert picture.size == (1600, 900)


def test_markup_in_a_name_is_text() -> None:
    svg = roofline_svg(profile(node("<script>$x^2$", 0.9, 1000, 1000)), CEILINGS, "roof", 860)
    assert "<script" not in svg
    assert any("<script>$x^2$" in text for text in texts(svg))
