"""What a bundle says of itself, in lines for people. For `inspect`; imports nothing until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.manifest import Manifest

_SHOWN = 12  # items of a list
_OUTSIDE = ("texts", "max_length", "pad_token", "window")  # what is done to a text or a recording before the graph
_WIDEST = 240  # characters of a fact; --json has them whole


def lines(card: Manifest) -> Iterator[tuple[str, str]]:
    """Yield what the card says, each line with its label."""
    from edgekit.runtime.states import states

    yield "bundle", f"{card.name}, {card.task}"
    if card.labels:
        shown = ", ".join(label if label.isprintable() else repr(label)[1:-1] for label in card.labels[:_SHOWN])
        more = f", ... ({len(card.labels)} in all)" if len(card.labels) > _SHOWN else ""
        yield "labels", shown + more
    if kept := states(card.inputs, card.outputs):
        told = (f"{tensor}, answered as {kept[tensor.name]}" for tensor in card.inputs if tensor.name in kept)
        yield "states", "; ".join(told)
    for name, metric in card.metrics.items():
        yield name, _metric(metric)
    if card.latency:
        yield "latency", _latency(card.latency)
    if card.parity:
        yield "parity", _parity(card.parity)
    if card.preprocessing:
        yield "preprocessing", _preprocessing(card.preprocessing)
    if card.requires:
        yield "requires", _requires(card.requires)
    for key, value in card.provenance.items():
        if key != "machine":  # the latency names it
            yield key, _PROVENANCE[key](value) if key in _PROVENANCE else short(_facts(value))


def short(text: str) -> str:
    """Cut a long text, and put it on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 3]}..."


def _metric(metric: dict[str, Any]) -> str:
    from edgekit.metric import Metric

    shown, ends = Metric("", metric.get("unit", "%")), (metric.get("low"), metric.get("high"))
    points = metric.get("points")  # of a change, where there is no value
    text = shown.estimate(metric["value"], *ends) if points is None else shown.changed(points, *ends)
    if metric.get("n"):
        text += f" on {metric['n']:,} examples"
    return text + (f" ({metric['split']})" if "split" in metric else "")


def _latency(latency: dict[str, Any]) -> str:
    from edgekit.reporting.wording import significant

    text = f"p50 {significant(latency['p50_us'])} µs"
    if latency.get("p50_low_us") is not None:
        text += f" [{significant(latency['p50_low_us'])}, {significant(latency['p50_high_us'])}]"
    if latency.get("p90_us") is not None:
        text += f", p90 {significant(latency['p90_us'])} µs"
    where = {"device": "{}", "threads": "threads {}", "batch": "batch {}", "machine": "{}"}
    told = [form.format(latency[key]) for key, form in where.items() if key in latency]
    return f"{text} ({', '.join(told)})"


def _parity(parity: dict[str, Any]) -> str:
    text = f"differs from {parity.get('with', 'PyTorch')} by at most {parity.get('max_abs', 0):.1e}"
    if "argmax_agreement" in parity:
        text += f", same answer on {100 * parity['argmax_agreement']:.1f} %"
    text += f", at {where}" if (where := sizes(parity.get("cases", []))) else ""
    if metric := parity.get("metric"):
        text += f"; {agreed(metric)}"
    return text


def sizes(cases: list[dict[str, int]]) -> str:
    """Say at which sizes of every dynamic dimension two models were asked: "N 1/2/7, T 2/9"."""
    names = dict.fromkeys(name for case in cases for name in case)
    return ", ".join(f"{name} {'/'.join(map(str, sorted({case[name] for case in cases})))}" for name in names)


def agreed(metric: dict[str, Any]) -> str:
    """Say what two models score on the same labelled examples."""
    share = metric["name"].endswith("accuracy")
    was, became = (f"{100 * metric[who]:.2f} %" if share else f"{metric[who]:.6g}" for who in ("expected", "actual"))
    return f"{metric['name']} {was} became {became} on {metric['n']:,} examples"


def _requires(requires: dict[str, Any]) -> str:
    told = {"onnxruntime": "onnxruntime {} or newer", "opset": "opset {}", "ir": "IR {}"}
    return ", ".join(told.get(key, key + " {}").format(value) for key, value in requires.items())


def _preprocessing(done: dict[str, Any]) -> str:
    told = {key: value for key, value in done.items() if key not in _OUTSIDE}
    inside = "in the graph: " if told.pop("in_graph", False) else ""
    if "scale" in told:
        told["scale"] = f"1/{1 / told['scale']:g}"
    if "resize" in told:
        resize = dict(told["resize"])
        how = resize.pop("resampling", "")
        told["resize"] = f"to {_facts(resize)} ({how})"
    before = _facts({key: done[key] for key in _OUTSIDE if key in done})
    return "; ".join(part for part in (before, inside + _facts(told) if told else "") if part)


def _stages(stages: Any) -> str:
    return ", ".join(f"{stage['id']} ({stage['decision']})" for stage in stages)


def _export(export: dict[str, Any]) -> str:
    told = [f"by {export['method']} in {export['seconds']:g} s", f"head {export.get('head', 'none')}"]
    if "nodes" in export:
        told.append(f"slimmed from {export['nodes'][0]} to {export['nodes'][1]} nodes")
    failed = (f"failed: {failure}" for failure in export["failures"])
    return short("; ".join([*told, *export.get("notes", []), *failed]))


_PROVENANCE = {"stages": _stages, "export": _export}


def _facts(value: Any) -> str:
    """Write the facts of a card on one line, nested ones without their braces."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_facts(part)}" for key, part in value.items() if part not in ([], {}, "", None))
    if isinstance(value, list):
        shown = [_facts(part) for part in value[:_SHOWN]]
        return " ".join([*shown, "..."] if len(value) > _SHOWN else shown)
    return str(value)
