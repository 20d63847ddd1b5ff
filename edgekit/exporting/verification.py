"""Two models asked the same: do they agree, and where does the second begin to differ? No torch is needed for ONNX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from edgekit.errors import InputError, ParityError
from edgekit.exporting.agreement import Parity, Tolerance
from edgekit.exporting.blame import between_graphs
from edgekit.exporting.cases import Cases
from edgekit.exporting.proof import Answer, Disagreement, Feeds, Labelled, check_dimensions, compare, of_module, run
from edgekit.graph import storage
from edgekit.manifest import MODEL, Manifest
from edgekit.runtime.bundle import load
from edgekit.signature import Tensor

if TYPE_CHECKING:
    from torch import nn

    from edgekit.exporting.origin import Origin
    from edgekit.exporting.rungs import Program


@dataclass(frozen=True)
class Subject:
    """A model that can be asked: its name for people, its signature, and its ONNX file and card or its program."""

    name: str
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    answer: Answer
    graph: Path | None = None
    card: Manifest | None = None
    program: Program | None = None


def of_onnx(name: str, path: Path) -> Subject:
    """Open a bundle, whose hashes are checked, or an ONNX file."""
    model = load(path)
    session, graph = model.session, path / MODEL if path.is_dir() else path
    return Subject(name, session.inputs, session.outputs, run(session), graph, model.manifest)


def of_network(name: str, module: nn.Module, like: Subject, said: Mapping[str, Any]) -> Subject:
    """Make a subject of a PyTorch module, which takes and answers what `like` does.

    What the card of `like` has in its graph (normalisation, softmax) is put around the module as it is exported; `said`
    are further arguments of `shipping.prepare`. ExportError where PyTorch itself fails.
    """
    from edgekit.exporting import shipping

    names = [tensor.name for tensor in like.outputs]
    around: dict[str, Any] = {"as_given": True}
    if like.card and like.card.preprocessing.get("in_graph"):
        around = {key: like.card.preprocessing.get(key, ()) for key in ("mean", "std")}
    around |= {"inputs": like.inputs, "outputs": names, "softmax": names[0] == "probabilities"}
    with shipping.evaluating(module):
        program = shipping.prepare(module, None, **{**said, **around}).program
    return Subject(name, program.inputs, like.outputs, of_module(program.module, names), program=program)


def verify(
    first: Subject,
    second: Subject,
    cases: Cases,
    labelled: Labelled | None = None,
    allowed: Tolerance | None = None,
) -> Parity:
    """Compare `second` with `first`; `cases` are made from the inputs of `first`.

    Inputs and outputs go by name, or by position where the names are others. InputError where the two do not take or
    answer the same things, or `first` cannot run; ParityError or DimensionError where they differ, and where it begins.
    """
    taken = _paired("inputs", first.inputs, second.inputs, (first.name, second.name))
    said = _paired("outputs", first.outputs, second.outputs, (first.name, second.name))
    given = {other: name for name, other in taken.items()}
    check_dimensions(cases.inputs, [Tensor(given[t.name], t.dtype, t.shape) for t in second.inputs])

    def expected(feeds: Feeds) -> Mapping[str, np.ndarray]:
        try:
            return first.answer(feeds)
        except InputError as error:
            hint = "say what sizes it takes, such as --range T=16..64, or give it real examples with --data"
            raise InputError(f'"{first.name}": {error}', hint) from None

    def actual(feeds: Feeds) -> dict[str, np.ndarray]:
        found = second.answer({taken[name]: array for name, array in feeds.items()})
        return {name: found[other] for name, other in said.items()}

    names = (first.name, second.name)
    try:
        return compare(expected, actual, cases, names=names, labelled=labelled, allowed=allowed)
    except Disagreement as error:
        if second.graph is None or any(name != other for name, other in (*taken.items(), *said.items())):
            raise
        place = _where(first, storage.load(second.graph), error.feeds, allowed)
        raise ParityError(f"{error}; {place}") from None


def _where(first: Subject, model: onnx.ModelProto, feeds: Feeds, allowed: Tolerance | None) -> str:
    if first.program is not None:
        from edgekit.exporting.origin import where

        return where(_traced(first.program, model, feeds), first.program.module, feeds, allowed)
    assert first.graph is not None
    return between_graphs(storage.load(first.graph), model, feeds, who=first.name, allowed=allowed)


def _traced(program: Program, model: onnx.ModelProto, feeds: Feeds) -> Origin:
    """Return `model` with what an exporter would know of it: where exporting anew gives the same nodes, whose each is.

    What ships says no more which node came from which module.
    """
    import torch

    from edgekit.exporting import origin
    from edgekit.exporting.rungs import RUNGS
    from edgekit.exporting.silence import silence

    example = tuple(torch.from_numpy(np.array(array)) for array in feeds.values())
    for rung in RUNGS.values():
        try:
            with silence():
                fresh = rung(program, example)
        except Exception:  # an exporter may raise anything, and the next one is tried as in the ladder
            continue
        nodes = fresh.model.graph.node
        if [_essence(node) for node in nodes] == [_essence(node) for node in model.graph.node]:
            for node, its in zip(model.graph.node, nodes, strict=True):
                node.metadata_props.extend(its.metadata_props)
            return origin.Origin(model, fresh.program)
    return origin.Origin(model)


def _essence(node: onnx.NodeProto) -> tuple[str, list[str], list[str]]:
    return node.op_type, list(node.input), list(node.output)


def _paired(what: str, ours: Sequence[Tensor], theirs: Sequence[Tensor], who: tuple[str, str]) -> dict[str, str]:
    """Map the names of one model to those of the other."""
    known = {tensor.name: tensor for tensor in theirs}
    if len(ours) == len(theirs):
        pairs = [(one, known[one.name]) for one in ours] if {t.name for t in ours} == set(known) else None
        pairs = pairs or list(zip(ours, theirs, strict=True))
        # An output may be of another precision, but who feeds the one must be able to feed the other.
        same = what == "outputs" or all(one.dtype == other.dtype for one, other in pairs)
        if same and all(len(one.shape) == len(other.shape) for one, other in pairs):
            return {one.name: other.name for one, other in pairs}
    said = [", ".join(map(str, tensors)) for tensors in (ours, theirs)]
    raise InputError(
        f'the {what} of "{who[0]}" are {said[0]}; those of "{who[1]}" {said[1]}',
        "they must be alike",
    )
