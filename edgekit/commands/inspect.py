"""edgekit inspect: what is in a model, and what its maker says of it. Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.manifest import Manifest

_LABELS_SHOWN = 12
_WIDEST = 120  # characters of a fact; --json has them whole


def command(
    model: Annotated[str, typer.Argument(help="An .onnx file, a bundle, or a run's folder.")],
    layers: Annotated[bool, typer.Option("--layers", help="Show MACs and parameters of every layer.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Show what is in a model: inputs, outputs, operators, parameters, MACs; of a bundle also its card.

    Example: edgekit inspect runs/digits/1a2b3c4d --layers
    """
    from edgekit import console, files, manifest
    from edgekit.commands.finding import model_path
    from edgekit.errors import BundleError
    from edgekit.extras import need

    need("onnx", "inspecting a model")
    from edgekit.graph.inspection import inspect

    path = model_path(model)
    card: Manifest | None = None
    intact = None
    if path.is_dir():
        card = manifest.Manifest.read(path)
        path = path / manifest.MODEL
        if not path.is_file():
            raise BundleError(f'"{path}" is missing', "copy the bundle again from where it was made")
        intact = {"sha256": files.sha256(path), "bytes": path.stat().st_size} == card.files.get(manifest.MODEL)
    graph = inspect(path)
    if as_json:
        said = card.to_dict() if card else None
        console.result({"model": str(path), "manifest": said, "intact": intact, "graph": graph})
        return
    lines = [("file", f"{path}, {console.size(graph['bytes'])}")]
    if intact is False:
        lines.append(("warning", "this file is not the one the manifest was written for: its sha256 differs"))
    if card:
        try:
            lines += _card(card)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            lines.append(("warning", f"the rest of the manifest is damaged: {type(error).__name__} {error}"))
    for label, text in (*lines, *_graph(graph, with_metadata=card is None)):
        console.answer(f"{label:<14} {text}")
    if layers:
        _print_layers(graph)


def _card(card: Manifest) -> Iterator[tuple[str, str]]:
    yield "bundle", f"{card.name}, {card.task}"
    if card.labels:
        shown = ", ".join(card.labels[:_LABELS_SHOWN])
        more = f", ... ({len(card.labels)} in all)" if len(card.labels) > _LABELS_SHOWN else ""
        yield "labels", shown + more
    for name, metric in card.metrics.items():
        yield name, _metric(metric)
    if card.latency:
        yield "latency", _latency(card.latency)
    if card.parity:
        yield "parity", _parity(card.parity)
    if card.preprocessing:
        yield "preprocessing", _facts(card.preprocessing)
    if card.requires:
        yield "requires", ", ".join(f"{name} {least} or newer" for name, least in card.requires.items())
    for key, value in card.provenance.items():
        if key != "machine":  # the latency names it
            yield key, _stages(value) if key == "stages" else _short(_facts(value))


def _metric(metric: dict[str, Any]) -> str:
    from edgekit.reporting.wording import percent

    text = percent(metric["value"])
    if metric.get("low") is not None:
        text += f" [{100 * metric['low']:.1f}, {100 * metric['high']:.1f}]"
    if "n" in metric:
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
    text = f"differs from PyTorch by at most {parity.get('max_abs', 0):.1e}"
    if "argmax_agreement" in parity:
        text += f", same answer on {100 * parity['argmax_agreement']:.1f} %"
    return text + (f", at batch {', '.join(map(str, parity['batches']))}" if "batches" in parity else "")


def _stages(stages: Any) -> str:
    return ", ".join(f"{stage['id']} ({stage['decision']})" for stage in stages)


def _facts(value: Any) -> str:
    """Write the facts of a card on one line, nested ones without their braces."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_facts(part)}" for key, part in value.items())
    if isinstance(value, list):
        shown = [_facts(part) for part in value[:_LABELS_SHOWN]]
        return " ".join([*shown, "..."] if len(value) > _LABELS_SHOWN else shown)
    return str(value)


def _graph(graph: dict[str, Any], with_metadata: bool) -> Iterator[tuple[str, str]]:
    from edgekit import console

    for way in ("inputs", "outputs"):
        for tensor in graph[way]:
            yield way.removesuffix("s"), tensor
    by = f", by {graph['producer']}" if graph["producer"] else ""
    yield "format", f"opset {graph['opset']}, IR {graph['ir']}{by}"
    yield "parameters", console.number(graph["parameters"])
    yield "MACs", "unknown" if graph["macs"] is None else f"{console.number(graph['macs'])} at batch 1"
    operators = ", ".join(f"{count} {name}" for name, count in graph["operators"].items())
    yield "nodes", f"{graph['nodes']}: {operators}"
    for tensor in graph["largest"]:
        shape = ",".join(map(str, tensor["shape"]))
        yield "largest", f"{tensor['name']}: {tensor['dtype']}[{shape}], {console.size(tensor['bytes'])}"
    for note in graph["notes"]:
        yield "note", note
    if with_metadata:
        for key, value in graph["metadata"].items():
            yield "metadata", f"{key} = {_short(value)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 3]}..."


def _print_layers(graph: dict[str, Any]) -> None:
    from edgekit import console

    rows = []
    for layer in graph["layers"]:
        work, shape = layer["macs"], layer["output_shape"]
        share = f"{100 * work / graph['macs']:.1f} %" if graph["macs"] else ""
        macs = "?" if work is None else console.number(work)
        answer = "?" if shape is None else "x".join(map(str, shape))
        rows.append([layer["name"], layer["operator"], answer, macs, share, console.number(layer["parameters"])])
    console.table(["layer", "operator", "output", "MACs", "share", "parameters"], rows, left=3)
