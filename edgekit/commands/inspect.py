"""edgekit inspect: what is in a model, and what its maker says of it. Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.commands.document import Inspection
    from edgekit.graph.description import Description, Layer

_ORDERS = ("graph", "macs", "parameters")
_LABEL, _WIDTH = 14, 100  # columns


def command(
    model: Annotated[str | None, typer.Argument(help="An .onnx file, a bundle, or a run's folder.")] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Show MACs and parameters of every layer.")] = False,
    top: Annotated[int | None, typer.Option("--top", min=1, help="Show the largest layers, so many.")] = None,
    sort: Annotated[str | None, typer.Option("--sort", help="Layers by graph, macs or parameters.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of what --json prints.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Show what is in a model: inputs, outputs, operators, parameters, MACs, and the devices here that run all of it.

    Of a bundle also its card, and whether its files are the ones that were written. Works on any ONNX file.

    Example: edgekit inspect runs/digits/1a2b3c4d --top 10
    """
    import dataclasses
    import json

    from edgekit import console
    from edgekit.commands import document
    from edgekit.commands.finding import model_path
    from edgekit.errors import UsageError
    from edgekit.extras import need

    if schema:
        told = document.json_schema()
        console.answer(json.dumps(told, ensure_ascii=False, indent=None if as_json else 2))
        return
    if model is None:
        raise UsageError("no model was named", "give an .onnx file, a bundle, or a run's folder")
    if sort not in (None, *_ORDERS):
        raise UsageError(f'layers are not sorted by "{sort}"', f"one of {', '.join(_ORDERS)}")
    need("onnx", "inspecting a model")
    found, card = document.gather(model_path(model))
    if as_json:
        console.result(dataclasses.asdict(found))
        return
    for label, text in (*_head(found), *_card_lines(card), *_graph(found.graph, with_metadata=card is None)):
        _print(label, text)
    if layers or top or sort:
        _print_layers(found.graph, top, sort or ("macs" if top else "graph"))
    for label, text in _devices(found):
        _print(label, text)


def _print(label: str, text: str) -> None:
    import textwrap

    from edgekit import console

    wide = textwrap.wrap(text, _WIDTH - _LABEL - 1, break_on_hyphens=False) or [""]
    for index, line in enumerate(wide):
        console.answer(f"{'' if index else label:<{_LABEL}} {line}")


def _head(found: Inspection) -> Iterator[tuple[str, str]]:
    from edgekit import console

    yield "model", f"{found.model}, {console.size(found.graph.bytes)}"
    for file in found.files:
        yield "sha256", f"{file.sha256} {file.name}"
        if file.intact is False:
            yield "warning", f"{file.name} is not the file the manifest was written for: its sha256 differs"
    if found.manifest:
        there = {file.name for file in found.files}
        for name in found.manifest["files"]:
            if name not in there:
                yield "warning", f"{name} is missing: the manifest lists it"


def _card_lines(card: object) -> Iterator[tuple[str, str]]:
    from edgekit.commands import card as cards
    from edgekit.manifest import Manifest

    if isinstance(card, Manifest):
        try:
            yield from cards.lines(card)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            yield "warning", f"the rest of the manifest is damaged: {type(error).__name__} {error}"


def _graph(graph: Description, with_metadata: bool) -> Iterator[tuple[str, str]]:
    from edgekit import console
    from edgekit.commands.card import short

    yield from (("input", tensor) for tensor in graph.inputs)
    yield from (("output", tensor) for tensor in graph.outputs)
    if graph.dynamic:
        yield "dynamic", "; ".join(f"{name}: {', '.join(places)}" for name, places in graph.dynamic.items())
    opset = "no opset" if graph.opset is None else f"opset {graph.opset}"
    others = "".join(f", {name} {version}" for name, version in graph.domains.items())
    by = f", by {graph.producer}" if graph.producer else ""
    yield "format", f"{opset}{others}, IR {graph.ir}{by}"
    yield "parameters", console.number(graph.parameters)
    yield "MACs", _macs(graph)
    yield "nodes", f"{graph.nodes}: {', '.join(f'{count} {name}' for name, count in graph.operators.items())}"
    for tensor in graph.largest:
        shape = ",".join(map(str, tensor.shape))
        yield "largest", f"{tensor.name}: {tensor.dtype}[{shape}], {console.size(tensor.bytes)}"
    yield from (("note", note) for note in graph.notes)
    if with_metadata:
        yield from (("metadata", short(f"{key} = {value}")) for key, value in graph.metadata.items())


def _macs(graph: Description) -> str:
    from edgekit import console

    known = console.number(graph.macs_known)
    told = known if graph.macs is not None else f"at least {known}, unknown for some nodes" if graph.macs_known else ""
    fixed = [name for name in graph.dynamic if name != "?"]
    if "?" in graph.dynamic:
        fixed.append(f"every {'other ' if fixed else ''}dynamic dimension")
    return (told or "unknown") + (f" with {', '.join(fixed)} at 1" if fixed and told else "")


def _devices(found: Inspection) -> Iterator[tuple[str, str]]:
    words = {True: "runs", False: "does not run", None: "unknown"}
    for each in found.devices:
        yield "device", f"{each.device} {words[each.runs]}{' ' if each.runs else ': '}{each.said}"


def _print_layers(graph: Description, top: int | None, order: str) -> None:
    from edgekit import console

    def size(layer: Layer) -> int:
        return layer.parameters if order == "parameters" else layer.macs or 0

    if not graph.layers:
        _print("layers", "none has parameters or MACs")
        return
    shown = graph.layers if order == "graph" else sorted(graph.layers, key=size, reverse=True)
    rows = []
    for layer in shown[:top]:
        share = f"{100 * layer.macs / graph.macs:.1f} %" if graph.macs and layer.macs is not None else ""
        macs = "?" if layer.macs is None else console.number(layer.macs)
        answer = "?" if layer.output_shape is None else "x".join(map(str, layer.output_shape))
        rows.append([_elided(layer.operator, 24), _elided(answer, 20), macs, share, console.number(layer.parameters)])
    columns = ["operator", "output", "MACs", "share", "parameters"]
    taken = sum(max(map(len, column)) + 3 for column in zip(columns, *rows, strict=True))
    names = [_elided(layer.name, max(_WIDTH - taken - 2, 8)) for layer in shown[:top]]
    console.table(["layer", *columns], [[name, *row] for name, row in zip(names, rows, strict=True)], left=3)


def _elided(text: str, width: int) -> str:
    """Cut a text in its middle where it is too wide: the ends tell names of layers apart."""
    if len(text) <= width:
        return text
    half = (width - 3) // 2
    return f"{text[: width - 3 - half]}...{text[len(text) - half :]}"
