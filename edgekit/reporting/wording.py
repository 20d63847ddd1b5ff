"""Figures as people read them: percent, points, times, ratios, and the one sentence a run comes down to.

No matplotlib and no jinja2: the terminal table is made of these words too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgekit.latency.comparison import MARGIN
from edgekit.metric import MINUS, Metric
from edgekit.reporting.figures import Change, Ratio
from edgekit.reporting.record import Run, Target, Verdict

MOMENTS = "a row is timed beside what it would replace and the teacher; the times of two rows are of different moments"

_SHARE = Metric("accuracy")
WORST = "worst: points of the class that lost most, on validation examples, against what the row would replace"


def significant(value: float) -> str:
    """Write a figure with three digits that count: 1,204, 402, 44.1, 3.05, 0.052."""
    for least, digits in ((99.95, 0), (9.995, 1), (0.9995, 2)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


def percent(fraction: float) -> str:
    """Write a fraction as percent: 98.1 %."""
    return f"{100 * fraction:.1f} %"


def scored(verdict: Verdict) -> str:
    """Write what a model reaches on test examples, with its doubt: 98.1 % [96.0, 99.1]."""
    return verdict.shown.estimate(verdict.test.value, verdict.test.low, verdict.test.high)


def score(verdict: Verdict) -> str:
    """Write what a model reaches on test examples: 98.1 %, 1.930 bits."""
    return verdict.shown.value(verdict.test.value)


def score_interval(verdict: Verdict) -> str:
    """Write the interval of that: [96.0, 99.1]."""
    return verdict.shown.interval(verdict.test.low, verdict.test.high)


def f1(verdict: Verdict) -> str:
    """Write F1 of the last of two classes on test examples, with its doubt: 89.7 % [87.9, 91.3]; "" of others."""
    found = verdict.test.f1
    return Metric("f1").estimate(found.value, found.low, found.high) if found else ""


def worst(verdict: Verdict) -> tuple[str, str]:
    """Write what the class that lost most lost, and which it is: ("−4.0", "cat [−11.2, +3.2], n = 25")."""
    found = verdict.worst_class
    if not found:
        return "", ""
    points, doubt = points_apart(found)
    return points, f"{found.label} {doubt}{examples(found.n, found.groups)}"


def times(ratio: float) -> str:
    """Write how many times, as a sentence wants it: 23×, 9.1×, 1.31× for small ones."""
    return f"{ratio:.0f}×" if ratio >= 19.5 else f"{ratio:.1f}×" if ratio >= 1.995 else f"{ratio:.2f}×"


def speedup(ratio: Ratio) -> str:
    """Write a speed-up with its doubt, in three digits that count: 1.31× [1.28, 1.34]."""
    digits = next((digits for digits, least in enumerate((99.95, 9.995, 0.0995, 0.00995)) if ratio.ratio >= least), 4)
    return f"{ratio.ratio:.{digits}f}× [{ratio.low:.{digits}f}, {ratio.high:.{digits}f}]"


def signed(points: float) -> str:
    """Write points with their sign: +0.3, −0.2, 0.0."""
    text = f"{abs(points):.1f}"
    return text if text == "0.0" else ("+" if points > 0 else MINUS) + text


def points(fraction: float) -> str:
    """Write a fraction as points, in no less than two digits that count: 0.85 points, 12.1 points."""
    return f"{100 * fraction:.{2 if abs(fraction) < 0.0995 else 1}f} points"


def points_apart(change: Change) -> tuple[str, str]:
    """Write a change in points and its interval, without a unit: ("−1.2", "[−2.0, −0.4]")."""
    if change.low is None or change.high is None:
        return signed(change.points), ""
    return signed(change.points), f"[{signed(change.low)}, {signed(change.high)}]"


def change(change: Change, metric: Metric = _SHARE) -> str:
    """Write a change of the metric with its doubt: −0.2 points [−0.9, +0.5] on validation, n = 360."""
    moved = metric.changed(change.points, change.low, change.high)
    return f"{moved} on {change.split}{examples(change.n, change.groups)}"


def examples(n: int | None, groups: int | None = None) -> str:
    """Write the number of examples behind a figure, after a comma, where it is known: `, n = 360`."""
    return "" if n is None else f", n = {n:,}" + (f" of {groups:,} groups" if groups else "")


def direction(metric: Metric) -> str:
    """Say which way is better where that is not plain."""
    return f"less {metric.name} is better" if metric.less_is_better else ""


def parity(verdict: Verdict, before: Verdict | None) -> str:
    """Say how near a model's file answers to what it was made from: PyTorch, or the graph `before` the step."""
    found = verdict.parity
    if found is None:
        return "not compared"
    text = f"within {found.max_abs:.1e} of {before.label if before and not verdict.export else 'PyTorch'}"
    if found.argmax_agreement is not None:
        text += f", same class in {100 * found.argmax_agreement:.4g} %"
    return f"{text}, batches of {', '.join(map(str, found.batches))}"


@dataclass(frozen=True)
class Unit:
    """A unit of time for a whole column, so that its figures can be compared by eye."""

    name: str
    microseconds: float

    def __call__(self, microseconds: float) -> str:
        """Write a time in this unit, without its name."""
        return significant(microseconds / self.microseconds)


def unit(verdicts: Iterable[Verdict]) -> Unit:
    """Choose microseconds, or milliseconds where the slowest model takes 10 ms and more."""
    slowest = max((verdict.latency.p50_us for verdict in verdicts), default=0.0)
    return Unit("ms", 1000.0) if slowest >= 10_000 else Unit("µs", 1.0)


def target(target: Target, metric: Metric) -> tuple[str, str, str]:
    """Write a target's name, what was wanted and what came of it; `metric` is the run's."""
    names = {"metric": metric.name, "p50_ms": "p50 latency", "speedup": "speed-up", "bytes": "file size"}

    def write(value: float) -> str:
        if target.name == "accuracy":
            return percent(value)
        if target.name == "metric":
            return metric.value(metric.shown(value))
        if target.name == "speedup":
            return times(value)
        return f"{value:,.0f} bytes" if target.name == "bytes" else f"{value:.3g} ms"

    least = target.name in ("accuracy", "speedup") or (target.name == "metric" and not metric.less_is_better)
    got = "not measured" if target.got is None else write(target.got)
    return names.get(target.name, target.name), f"{'≥' if least else '≤'} {write(target.wanted)}", got


def compared(model: Verdict, teacher: Verdict) -> str:
    """Say how a model stands to its teacher in speed and size: 23× faster and 9.1× smaller than its teacher."""
    ratio = model.speedup_over_teacher
    if ratio and ratio.low > MARGIN:
        speed = f"{times(ratio.ratio)} faster"
    elif ratio and ratio.high < 1 / MARGIN:
        speed = f"{times(1 / ratio.ratio)} slower"
    else:
        speed = "not clearly faster"
    shrink = teacher.bytes / model.bytes
    if shrink >= 1.05:
        return f"{speed} and {times(shrink)} smaller than its teacher"
    if shrink <= 0.95:
        return f"{speed} and {times(1 / shrink)} larger than its teacher"
    return f"{speed} than its teacher, and of the same size"


_NAMES = {"r2": "an R² of"}


def headline(run: Run) -> str:
    """Say in one sentence what came of a run."""
    model, teacher = run.shipped, run.teacher
    if model is None:
        done = len(run.verdicts)
        return f"This run is unfinished: {done} of {done + len(run.missing)} models are judged."
    reached = (
        f"{scored(model)} {model.metric}"
        if model.shown.share
        else f"{_NAMES.get(model.metric, model.metric)} {scored(model)}"
    )
    if model.unit and model.metric.startswith(model.unit):  # "1.930 bits [1.921, 1.944] per character"
        reached = f"{scored(model)}{model.metric.removeprefix(model.unit)}"
    if teacher is None:  # what was trained first is called so beside a teacher alone
        made = "" if model.stage == "student" else f"{model.label} "
        return f"The {made}model reaches {reached}."
    if len(run.verdicts) == 1:
        return f"The {model.label} reaches {reached}."
    if model is teacher:
        return f"The teacher was kept, at {reached}: no smaller model passed the judge."
    return f"The {model.label} model is {compared(model, teacher)}, at {reached} against {score(teacher)}."
