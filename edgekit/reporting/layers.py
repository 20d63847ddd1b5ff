"""What a compression did to each layer: its time before and after, and what 8 bits do to it. No matplotlib.

The terminal's table and the page's plot are made of the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edgekit.reporting.figures import Layer
from edgekit.reporting.record import Run

REST, FLOAT = "all else", "float"
_WRAPPER = "network."  # what an export calls the network inside the deployed model
_BAR = 12  # characters of the longest bar in the terminal


class Row(NamedTuple):
    """A layer: microseconds before and after, None where it was not there; the rest as the columns of the table say.

    `form`: "8 bits" or "float", "" where nothing was quantized. `divergence`: how far the answers go from the float
    model's with this layer alone in 8 bits; None where that was not asked.
    """

    name: str
    before_us: float | None
    after_us: float | None
    form: str = ""
    divergence: float | None = None


class Step(NamedTuple):
    """A compression: its stage, what is compared with what, and its rows, the last of them all that is no layer."""

    stage: str
    label: str
    before: str
    rows: list[Row]

    @property
    def quantized(self) -> bool:
        """Whether a layer became 8-bit."""
        return any(row.form for row in self.rows)

    @property
    def in_float(self) -> bool:
        """Whether a layer stayed in float while others became 8-bit."""
        return any(row.form == FLOAT for row in self.rows)

    @property
    def sensed(self) -> bool:
        """Whether layers were tried alone in 8 bits."""
        return any(row.divergence is not None for row in self.rows)


def steps(run: Run) -> list[Step]:
    """Return every compression of a run whose layers were timed, in the order of the stages."""
    found = []
    for stage in run.stages:
        verdict = stage.verdict
        if verdict and verdict.layers:
            before = run.verdict(verdict.incumbent)
            sensed = stage.said.get("sensitivity") or stage.said.get("after_training", {}).get("sensitivity") or {}
            label = before.label if before else verdict.incumbent or "before"
            found.append(Step(stage.id, verdict.label, label, rows(verdict.layers, sensed)))
    return found


def rows(layers: Sequence[Layer], sensitivity: Mapping[str, float]) -> list[Row]:
    """Join the times of layers with what they are sensitive to, which goes by the names of nodes."""
    quantized = any(layer.int8 for layer in layers)
    found = []
    for layer in layers:
        form = ("8 bits" if layer.int8 else FLOAT) if quantized and layer.layer else ""
        felt = [sensitivity[name] for name in layer.nodes if name in sensitivity]
        name = REST if layer.layer is None else layer.layer.removeprefix(_WRAPPER)
        found.append(Row(name, layer.before_us, layer.after_us, form, max(felt, default=None)))
    return found


def table(step: Step) -> tuple[str, list[str], list[list[str]]]:
    """Return title, columns and rows for `edgekit.console.table`, with the sum of all at the end."""
    columns = ["layer", f"{step.before} µs", f"{step.label} µs", "speed-up"]
    columns += ["computed in"] if step.quantized else []
    columns += ["alone in 8 bits", ""] if step.sensed else []
    total = together("together", step.rows)
    most = max((row.divergence or 0.0 for row in step.rows), default=0.0)
    cells = []
    for row in (*step.rows, total):
        told = [row.name, _time(row.before_us), _time(row.after_us), faster(row)]
        told += [row.form] if step.quantized else []
        if step.sensed:
            felt = row.divergence
            bar = "█" * max(1, round(_BAR * felt / most)) if felt else ""
            told += ["" if felt is None else f"{felt:.1e}", bar.ljust(_BAR)]
        cells.append(told)
    return f"{step.label} beside {step.before}, layer by layer", columns, cells


def together(name: str, rows: Sequence[Row]) -> Row:
    """Add up the times of rows."""
    return Row(name, sum(row.before_us or 0.0 for row in rows), sum(row.after_us or 0.0 for row in rows))


def faster(row: Row) -> str:
    """Write how many times as fast a layer became; nothing where a time is below what can be told, a microsecond."""
    before, after = row.before_us or 0.0, row.after_us or 0.0
    return f"{before / after:.2f}×" if min(before, after) >= 1 else ""


def notes(step: Step) -> list[str]:
    """Say what the columns mean, as far as they are there."""
    told = [f'"{REST}" is every operator without weights, and the runtime around them; a time is known to about 1 µs']
    if step.sensed:
        told.append("alone in 8 bits: how far the answers diverge from the float model's; 0 is not at all")
    return told


def to_dict(found: Sequence[Step]) -> list[dict[str, Any]]:
    """Give steps as JSON-ready values."""
    return [step._asdict() | {"rows": [row._asdict() for row in step.rows]} for step in found]


def _time(us: float | None) -> str:
    return "" if us is None else f"{us:,.1f}"
