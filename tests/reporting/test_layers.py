from __future__ import annotations

from typing import Any

import pytest

from edgekit.reporting import layers
from edgekit.reporting.layer_plots import MOST, layers_svg, shown
from edgekit.reporting.layers import Row, Step
from edgekit.reporting.record import FILE, parse

TIMED = [
    {"layer": "network.stem", "nodes": ["node_1"], "before_us": 4.0, "after_us": 3.0, "int8": False},
    {"layer": "network.head", "nodes": ["node_2"], "before_us": 0.4, "after_us": 2.1, "int8": True},
    {"layer": None, "nodes": [], "before_us": 2.0, "after_us": 2.5, "int8": False},
]


@pytest.fixture
def quantized(run: dict[str, Any]) -> Step:
    run["stages"][-1]["verdict"]["layers"] = TIMED
    run["stages"][-1]["said"] = {"sensitivity": {"node_2": 0.5}}
    (step,) = layers.steps(parse(run, FILE))
    return step


def test_a_layer_has_its_times_what_it_is_computed_in_and_its_sensitivity(quantized: Step) -> None:
    assert (quantized.label, quantized.before) == ("quantized", "pruned")
    title, columns, cells = layers.table(quantized)
    assert title == "quantized beside pruned, layer by layer"
    assert columns == ["layer", "pruned µs", "quantized µs", "speed-up", "computed in", "alone in 8 bits", ""]
    assert [[cell.strip() for cell in row] for row in cells] == [
        ["stem", "4.0", "3.0", "1.33×", "float", "", ""],
        ["head", "0.4", "2.1", "", "8 bits", "5.0e-01", "████████████"],
        ["all else", "2.0", "2.5", "0.80×", "", "", ""],
        ["together", "6.4", "7.6", "0.84×", "", "", ""],
    ]
    assert any("alone in 8 bits" in note for note in layers.notes(quantized))


def test_sensitivities_of_what_was_trained_after_all_are_found_too(run: dict[str, Any]) -> None:
    run["stages"][-1]["verdict"]["layers"] = TIMED
    run["stages"][-1]["said"] = {"after_training": {"sensitivity": {"node_1": 0.1}}}
    (step,) = layers.steps(parse(run, FILE))
    assert step.rows[0].divergence == 0.1


def test_of_a_pruned_model_nothing_is_said_about_8_bits(run: dict[str, Any]) -> None:
    run["stages"][3]["verdict"]["layers"] = [each | {"int8": False} for each in TIMED]
    (step,) = layers.steps(parse(run, FILE))
    assert not step.quantized and not step.sensed and not step.in_float
    assert layers.table(step)[1] == ["layer", "distilled µs", "pruned µs", "speed-up"]


def test_the_plot_says_every_figure_in_its_title(quantized: Step) -> None:
    drawn = layers_svg(quantized, "layers", 860)
    assert "stem: 4.00 µs to 3.00 µs, float; head: 0.400 µs to 2.10 µs, 8 bits" in drawn
    assert "alone in 8 bits" in drawn and "nan" not in drawn
    assert "alone in 8 bits" not in layers_svg(quantized._replace(rows=[Row("a", 1.0, None), Row("b", 1, 1)]), "b", 350)


def test_of_many_layers_the_slowest_are_drawn_and_the_others_joined() -> None:
    rows = [Row(f"layer {place}", float(place), float(place)) for place in range(MOST + 10)]
    drawn = shown([*rows, Row("all else", 1.0, 1.0)])
    assert len(drawn) == MOST + 1
    assert drawn[-2] == Row("11 other layers", 55.0, 55.0) and drawn[0].name == "layer 11"
    assert sum(row.before_us or 0 for row in drawn) == sum(row.before_us or 0 for row in rows) + 1
