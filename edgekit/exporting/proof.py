"""The proof: a model must answer as another does, in every case. numpy alone; torch where a module is asked.

What is compared is anything that maps arrays by name to arrays by name: a PyTorch module (`of_module`), an ONNX
session's `run`. A difference names the output, the case and the two values; a dynamic dimension that the second model
holds for a constant is an error of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import DimensionError, EdgekitError, ExportError, InputError, ParityError
from edgekit.exporting.agreement import Answered, Parity, Tolerance, number, outside, parity, tolerance
from edgekit.exporting.cases import Cases
from edgekit.exporting.choices import Answers, Chosen, chosen_by, settled
from edgekit.exporting.scoring import Labelled
from edgekit.exporting.telling import open_told, told
from edgekit.runtime.session import Session, open_session
from edgekit.signature import Tensor

if TYPE_CHECKING:
    from torch import nn

    from edgekit.exporting.origin import Origin

Feeds = Mapping[str, np.ndarray]
Answer = Callable[[Feeds], Mapping[str, np.ndarray]]
_BATCH = 64  # examples in one call while a metric is taken


class Disagreement(ParityError):
    """Two models answer differently: `feeds` is what both were asked in that case."""

    def __init__(self, message: str, feeds: Feeds) -> None:
        super().__init__(message)
        self.feeds = feeds


def prove(
    module: nn.Module,
    graph: Path,
    cases: Cases,
    *,
    origin: Origin | None = None,
    allowed: Tolerance | None = None,
) -> Parity:
    """Compare `module`, which takes the declared inputs by position, with the ONNX file `graph`.

    `origin` is what the exporter left: with it, a difference names the node where it begins. `allowed` replaces the
    tolerance of each dtype. Raises DimensionError, ParityError, or ExportError where the module itself fails.
    """
    telling = tells(module)
    session = open_told(graph) if telling else open_session(graph)
    check_dimensions(cases.inputs, session.inputs)
    names = [tensor.name for tensor in session.outputs]
    try:
        return compare(of_module(module, names), run(session), cases, allowed=allowed)
    except Disagreement as error:
        if origin is None:
            raise
        from edgekit.exporting.origin import where

        model = told(origin.model) if telling else origin.model
        place = where(origin._replace(model=model), module, error.feeds, allowed)
        raise ParityError(f"{error}; {place}") from error


def tells(module: nn.Module) -> bool:
    """Whether `module` answers the scores of an argmax beside it."""
    from edgekit.exporting.deployment import Deployed

    return isinstance(module, Deployed) and module.head.kind == "argmax"


def of_module(module: nn.Module, names: Sequence[str]) -> Answer:
    """Make an answer of a PyTorch module; `names` are those of its outputs, flat. ExportError where it fails.

    Of a network in its deployment it answers all that is `told`, and says what classes and decisions were chosen by.
    """
    import torch

    from edgekit.exporting.asking import plainly
    from edgekit.exporting.deployment import Deployed
    from edgekit.exporting.structure import flatten

    def answer(feeds: Feeds) -> Answers:
        chosen: dict[str, Chosen] = {}
        try:
            with torch.inference_mode(), plainly():
                tensors = [torch.from_numpy(np.array(array)) for array in feeds.values()]
                if isinstance(module, Deployed):
                    own = [tensor for _, tensor in module.answers(*tensors)]
                    said: Any = module.told(own)
                    if (at := module.head.choice) is not None:
                        scores = module.head.scores(own[0]).numpy(force=True)
                        chosen[names[at]] = Chosen(scores, module.head.threshold or None)
                else:
                    said = module(*tensors)
            found = [tensor.numpy(force=True) for _, tensor in flatten(said)]
        except EdgekitError:
            raise
        except Exception as error:
            shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in feeds.items())
            raise ExportError(
                f"PyTorch itself fails on {shapes}: {type(error).__name__}: {str(error).partition(chr(10))[0]}",
                "declare the sizes and values that it takes",
            ) from error
        if len(found) != len(names):
            raise ParityError(f"PyTorch answers {len(found)} tensors, the ONNX file {len(names)}: {', '.join(names)}")
        return Answers(dict(zip(names, found, strict=True)), chosen)

    return answer


def run(session: Session) -> Answer:
    """Make an answer of a session; what it does not take (an input the graph has no use for) is not fed."""
    taken = [tensor.name for tensor in session.inputs]
    return lambda feeds: session.run({name: feeds[name] for name in taken if name in feeds})


def check_dimensions(declared: Sequence[Tensor], found: Sequence[Tensor]) -> None:
    """Raise DimensionError where a dynamic dimension is a constant in the file, ParityError for another rank."""
    there = {tensor.name: tensor for tensor in found}
    for tensor in declared:
        other = there.get(tensor.name)
        if other is None:
            continue
        if len(other.shape) != len(tensor.shape):
            raise ParityError(f'the input "{tensor}" became "{other}"')
        for name, dim in zip(tensor.shape, other.shape, strict=True):
            if isinstance(name, str) and isinstance(dim, int):
                raise _constant(name, f'the input "{tensor}" became "{other}"')


def compare(
    expected: Answer,
    actual: Answer,
    cases: Cases,
    *,
    names: tuple[str, str] = ("PyTorch", "ONNX"),
    allowed: Tolerance | None = None,
) -> Parity:
    """Ask both models every case and measure how near their answers are.

    Raises Disagreement that names the output, the case and the two values where they differ most, and DimensionError
    where only `actual` fails, and only because one dynamic dimension has another size than in a case before.
    """
    answered: list[Answered] = []
    ties = 0
    for sizes in cases.all():
        feeds = cases.at(sizes)
        wanted = expected(feeds)
        where = _told(sizes, cases.batch)
        got, fault = _ask(actual, feeds, wanted, where, names)
        if fault:
            _blame_dimension(expected, actual, cases, sizes, fault)
            raise Disagreement(fault, feeds)
        got, tied = _settled(got, wanted, allowed)
        ties += tied
        _values(wanted, got, where, names, allowed, feeds)
        answered.append(Answered(sizes, got, wanted))
    metric = _metric(expected, actual, cases, cases.labelled) if cases.labelled else None
    return parity(answered, cases.batch, allowed, metric=metric, ties=ties)


def _settled(
    got: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray], allowed: Tolerance | None
) -> tuple[Mapping[str, np.ndarray], int]:
    """Return the answers with the classes that were expected where those chosen are as good, and how many they are."""
    found, ties = dict(got), 0
    for name, chosen in chosen_by(wanted, got).items():
        found[name], tied = settled(got[name], wanted[name], chosen, allowed)
        ties += tied
    return found, ties


def _ask(
    actual: Answer, feeds: Feeds, wanted: Mapping[str, np.ndarray], where: str, names: tuple[str, str]
) -> tuple[Mapping[str, np.ndarray], str | None]:
    """Return what a model answers, and what is wrong with the form of it."""
    try:
        got = actual(feeds)
    except InputError as error:
        return {}, f"{names[1]} cannot run{where}: {error}"
    for name, value in wanted.items():
        if name not in got:
            return got, f'{names[1]} has no output "{name}"; it has {", ".join(got)}'
        if got[name].shape != value.shape:
            shapes = f"is {list(got[name].shape)}{where}; {names[0]} gives {list(value.shape)}"
            return got, f'output "{name}" {shapes}'
    return got, None


def _told(sizes: Mapping[str, int], batch: str | None) -> str:
    said = ", ".join(f"{'batch' if name == batch else name} {size}" for name, size in sizes.items())
    return f" at {said}" if said else ""


def _values(
    expected: Mapping[str, np.ndarray], actual: Mapping[str, np.ndarray], where: str, names: tuple[str, str],
    allowed: Tolerance | None, feeds: Feeds,
) -> None:  # fmt: skip
    for name, wanted in expected.items():
        got = actual[name]
        limit = allowed or tolerance(got, wanted)
        at = outside(got, wanted, limit)
        if at is not None:
            raise Disagreement(
                f'output "{name}"{list(at)}{where} is {number(got[at])}; {names[0]} gives {number(wanted[at])},'
                f" and {limit.atol:g} + {limit.rtol:g} of it is allowed",
                feeds,
            )


def _blame_dimension(expected: Answer, actual: Answer, cases: Cases, bad: Mapping[str, int], fault: str) -> None:
    """Raise DimensionError if a case goes well, and one dimension more of the size that it has in `bad` spoils it."""

    def goes(sizes: Mapping[str, int]) -> bool | None:
        feeds = cases.at(sizes)
        try:
            return _ask(actual, feeds, expected(feeds), "", ("", ""))[1] is None
        except ExportError:  # PyTorch takes these sizes together with others alone
            return None

    good = next((sizes for sizes in cases.all() if sizes != bad and goes(sizes)), None)
    for name, size in (good or {}).items():
        if bad[name] != size and goes({**(good or {}), name: bad[name]}) is False:
            raise _constant(name, f"{size} goes well, and {bad[name]} does not: {fault}")


def _constant(name: str, what: str) -> DimensionError:
    return DimensionError(
        f'the dynamic dimension "{name}" became a constant: {what}',
        "export it so that it stays dynamic, or declare it as the number it is",
    )


def _metric(expected: Answer, actual: Answer, cases: Cases, labelled: Labelled) -> dict[str, Any]:
    """Score both models on the given examples, a case's batch at a time."""
    scores: dict[str, list[np.ndarray]] = {"expected": [], "actual": []}
    count = len(labelled.targets)
    step = min(_BATCH, cases.ends[cases.batch][1]) if cases.batch else len(next(iter(cases.at({}).values())))
    for start in range(0, count, step):
        part = {name: array[start : start + step] for name, array in cases.given.items()}
        targets = labelled.targets[start : start + step]
        for who, model in (("expected", expected), ("actual", actual)):
            scores[who].append(labelled.score(model(part), targets))
    found = {who: float(np.concatenate(each).mean()) for who, each in scores.items()}
    return {"name": labelled.metric, "n": count} | found
