"""Two models asked the same: do they agree, and where does the second begin to differ? No torch is needed for ONNX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from edgekit.errors import InputError, ParityError
from edgekit.exporting import telling
from edgekit.exporting.agreement import TOLERANCES, Parity, Tolerance
from edgekit.exporting.blame import between_graphs
from edgekit.exporting.cases import Cases, proved_sizes
from edgekit.exporting.choices import Answers
from edgekit.exporting.proof import Answer, Disagreement, Feeds, check_dimensions, compare, of_module, run, tells
from edgekit.graph import cleaning, slimming, storage
from edgekit.manifest import Manifest
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

    @property
    def is_half(self) -> bool:
        """Whether its card says that it computes in float16, whatever goes in and out."""
        return self.card is not None and self.card.provenance.get("form", {}).get("precision") == "fp16"


def of_onnx(name: str, path: Path) -> Subject:
    """Open a bundle, whose hashes are checked, or an ONNX file."""
    model = load(path)
    session, graph = model.session, path / model.manifest.model if model.manifest else path
    if session.outputs[0].name == "class" and graph.suffix == ".onnx" and telling.chooses(storage.load(graph)):
        session = telling.open_told(graph)
    return Subject(name, session.inputs, session.outputs, run(session), graph, model.manifest)


def of_network(name: str, module: nn.Module, like: Subject | None, said: Mapping[str, Any]) -> Subject:
    """Make a subject of a PyTorch module, which takes and answers what `like` does.

    What an ONNX file has in its graph by its card (pictures resized, normalisation, the head) is put around the module
    as it is exported. `said` are further arguments of `shipping.prepare`; they say all of it where `like` is None.
    ExportError where PyTorch itself fails. The module stays in evaluation mode, in which it is asked from now on.
    """
    from edgekit.exporting import shipping

    around = _around(like) if like else {}
    if like:  # a network that reads pieces of sound may take no shorter ones than it was proved on
        around["ranges"] = {**proved(like), **said.get("ranges", {})}
    program = shipping.prepare(module.eval(), **{**said, **around}).program
    outputs = list(program.outputs)
    if tells(program.module):
        outputs.append(Tensor(telling.SCORES, "float32", (*outputs[0].shape, "_")))
    answer = of_module(program.module, [tensor.name for tensor in outputs])
    return Subject(name, program.inputs, outputs, answer, None, None, program)


def _around(like: Subject) -> dict[str, Any]:
    """Return what `shipping.prepare` must be told for a module to be asked as `like` is."""
    from edgekit.exporting.resizing import Resizing

    around: dict[str, Any] = {"inputs": like.inputs}
    if like.graph is None:
        return around
    names = [tensor.name for tensor in like.outputs if tensor.name != telling.SCORES]
    head = "argmax" if len(names) < len(like.outputs) else "softmax" if names[0] == "probabilities" else "none"
    around |= {"as_given": True, "outputs": names, "head": head}
    if like.card:
        done = like.card.preprocessing
        if done.get("in_graph"):
            around |= {"as_given": False, **{key: done.get(key, ()) for key in ("mean", "std")}, **Resizing.asked(done)}
        around["head"] = like.card.provenance.get("export", {}).get("head", head)
    return around


def proved(*subjects: Subject) -> dict[str, tuple[int, int]]:
    """Return between which sizes the bundles among `subjects` say that they were proved, the batch left out."""
    found: dict[str, tuple[int, int]] = {}
    for each in reversed(subjects):
        found |= proved_sizes(subjects[0].inputs, each.card.parity) if each.card else {}
    return found


def verify(first: Subject, second: Subject, cases: Cases, allowed: Tolerance | None = None) -> Parity:
    """Compare `second` with `first`; `cases` are made from the inputs of `first`.

    Inputs and outputs go by name, or by position where the names are others. InputError where the two do not take or
    answer the same things, or `first` cannot run; ParityError or DimensionError where they differ, and where it begins.
    Where nothing is `allowed`, it is what the dtypes are, or float16 where a card says that one is that inside.
    """
    if allowed is None and (first.is_half or second.is_half):
        allowed = TOLERANCES["float16"]
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

    def actual(feeds: Feeds) -> Answers:
        found = second.answer({taken[name]: array for name, array in feeds.items()})
        chosen = found.chosen if isinstance(found, Answers) else {}
        return Answers(
            {name: found[other] for name, other in said.items()},
            {name: chosen[other] for name, other in said.items() if other in chosen},
        )

    names = (first.name, second.name)
    try:
        return compare(expected, actual, cases, names=names, allowed=allowed)
    except Disagreement as error:
        if any(name != other for name, other in (*taken.items(), *said.items())):
            raise
        raise ParityError(f"{error}; {_where(first, second, cases, error.feeds, allowed)}") from None


def _where(first: Subject, second: Subject, cases: Cases, feeds: Feeds, allowed: Tolerance | None) -> str:
    """Say where two models begin to differ: between graphs, a graph and a module, or two modules."""
    program = first.program or second.program
    if program is None:
        return between_graphs(_graph(first), _graph(second), feeds, who=first.name, allowed=allowed)
    from edgekit.exporting import origin

    if first.program and second.program:
        return origin.between_modules(first.program.module, second.program.module, feeds, first.name, allowed)
    largest = max(cases.all(), key=lambda sizes: sum(sizes.values()))  # what is 1, exporters take for a constant
    known = _traced(program, _graph(first if first.graph else second), cases.at(largest))
    return origin.where(known, program.module, feeds, allowed)


def _graph(subject: Subject) -> onnx.ModelProto:
    """Return the graph of a subject, with all that it answers here."""
    assert subject.graph
    model = storage.load(subject.graph)
    return telling.told(model) if subject.outputs[-1].name == telling.SCORES else model


def _traced(program: Program, model: onnx.ModelProto, examples: Feeds) -> Origin:
    """Return `model` with what an exporter would know of it: where exporting anew gives the same nodes, whose each is.

    What ships says no more which node came from which module.
    """
    import torch

    from edgekit.exporting import origin
    from edgekit.exporting.rungs import RUNGS
    from edgekit.exporting.silence import silence

    example = tuple(torch.from_numpy(np.array(array)) for array in examples.values())
    for rung in RUNGS.values():
        try:
            with silence():
                fresh = rung(program, example)
                slimmed = slimming.slim(cleaning.strip(fresh.model))
        except Exception:  # an exporter may raise anything, and the next one is tried as in the ladder
            continue
        if _essence(model) in (_essence(fresh.model), _essence(slimmed.model if slimmed else fresh.model)):
            whose = {tuple(node.output): node.metadata_props for node in fresh.model.graph.node}
            for node in model.graph.node:
                node.metadata_props.extend(whose.get(tuple(node.output), ()))
            return origin.Origin(model, fresh.program)
    return origin.Origin(model)


def _essence(model: onnx.ModelProto) -> list[tuple[str, list[str], list[str]]]:
    """Return what the nodes are and connect, without those that only a proof has put there."""
    nodes = [node for node in model.graph.node if node.name != telling.SCORES]
    return [(node.op_type, list(node.input), list(node.output)) for node in nodes]


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
