"""What a bundle's model is written as: its precision and its file's format, proved anew against what is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from edgekit.errors import ExportError, ParityError, UsageError
from edgekit.exporting import mobile, telling
from edgekit.exporting.agreement import EXACT, TOLERANCES, Parity, Tolerance
from edgekit.exporting.blame import between_graphs
from edgekit.exporting.cases import Cases
from edgekit.exporting.proof import Answer, Disagreement, Feeds, compare, run
from edgekit.graph import storage, versions
from edgekit.graph.halving import Kept, halve
from edgekit.runtime.session import open_session

FORMATS = ("onnx", "ort")
PRECISIONS = ("fp32", "fp16")
_EXAMPLES = 64  # real ones that are looked at for what float16 cannot hold


@dataclass(frozen=True)
class Form:
    """A file's `format`, ONNX or onnxruntime's own; and its `precision`: "fp32" leaves the model as it is."""

    format: str = "onnx"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        for what, said, known in (("format", self.format, FORMATS), ("precision", self.precision, PRECISIONS)):
            if said not in known:
                raise UsageError(f'there is no {what} "{said}"', f"one of {', '.join(known)}")
        if (self.format, self.precision) == ("ort", "fp16"):
            # Seen with 1.32 on x86: casts to float32 were written into the file, and the weights folded into them.
            raise UsageError(
                "a .ort file is written for what this processor computes in, and that is not float16",
                "choose one of --format ort and --precision fp16",
            )

    def __str__(self) -> str:
        return " ".join(each for each in (self.precision, self.format) if each not in ("fp32", "onnx")) or "onnx"

    @property
    def allowed(self) -> Tolerance | None:
        """What answers may be apart; None for that of their dtype, which is still float32 where the inside is not."""
        return TOLERANCES["float16"] if self.precision == "fp16" else None

    @property
    def between_files(self) -> Tolerance | None:
        """What the bundle may be apart from the ONNX file it is written from: .ort is optimised otherwise."""
        return self.allowed if self.format == "ort" else EXACT

    @property
    def instead(self) -> str:
        """What to do where a model cannot have this form."""
        return "stay with fp32" if self.precision == "fp16" else "stay with ONNX"

    def needs(self, minimum: str | None) -> str | None:
        """Return the oldest onnxruntime that reads it, where `minimum` is asked for; an error where that cannot be.

        A .ort file has operators that onnxruntime made up while it optimised, and older ones may not know them.
        """
        if minimum:
            versions.reads(minimum)
        if self.format != "ort":
            return minimum
        if minimum and _numbers(minimum) < _numbers(versions.here()):
            raise UsageError(
                f"a .ort file is for the onnxruntime that writes it, {versions.here()}, and newer, not for {minimum}",
                f"leave --min-onnxruntime out, or install onnxruntime {minimum} to write it",
            )
        return versions.here()


PLAIN = Form()  # as an exporter writes it


@dataclass(frozen=True)
class Formed:
    """A model in its form: the ONNX file to write it from, how near its answers are, and what to say of it.

    `kept`: the nodes that stayed in float32. `bytes`: of the ONNX files, before and after.
    """

    form: Form
    model: Path
    parity: Parity
    kept: list[Kept]
    bytes: tuple[int, int] | None

    def to_dict(self) -> dict[str, Any]:
        """Say for the manifest what was done."""
        if self.bytes is None:
            return {"format": self.form.format}
        kept = [each._asdict() for each in self.kept]
        return {"precision": self.form.precision, "bytes": list(self.bytes), "kept_fp32": kept}


def reform(model: Path, form: Form, cases: Cases, expected: Answer, who: str) -> Formed:
    """Bring the ONNX file `model` into a form, beside it, and prove that against `who`, who answers as `expected`.

    ExportError where float16 gains nothing, ParityError where the answers differ, both with the nodes that are why.
    """
    whole = changed = storage.load(model)
    kept: list[Kept] = []
    sizes = None
    if form.precision == "fp16":
        changed, kept, sizes = halve(whole, list(_batches(cases)))
        _check_gain(kept, sizes, form)
        model = model.with_name("float16.onnx")
        storage.save(changed, model)
    file = mobile.write(changed, model.parent) if form.format == "ort" else model
    names = (who, "the .ort file" if form.format == "ort" else "fp16")
    try:
        parity = compare(expected, answering(file), cases, names=names, allowed=form.allowed)
    except Disagreement as error:
        raise ParityError(f"{error}; {_where(whole, file, error.feeds, form)}", form.instead) from None
    return Formed(form, model, parity, kept, sizes)


def answering(file: Path) -> Answer:
    """Open a file and have it answer; where it answers a class alone, the scores it was chosen by, too."""
    session = open_session(file)
    answer = run(session)
    if session.outputs[0].name != "class" or not telling.chooses(storage.load(file)):
        return answer
    scores = run(telling.open_told(file))
    return lambda feeds: {**answer(feeds), telling.SCORES: scores(feeds)[telling.SCORES]}


def _where(whole: onnx.ModelProto, file: Path, feeds: Feeds, form: Form) -> str:
    return between_graphs(whole, storage.load(file), feeds, who="fp32 ONNX", allowed=form.allowed)


def _check_gain(kept: list[Kept], sizes: tuple[int, int], form: Form) -> None:
    if sizes[1] < sizes[0]:
        return
    why = f"; in float32 stay {'; '.join(map(str, kept[:3]))}" if kept else ": it has few weights, or none in float32"
    more = f" and {len(kept) - 3} more" if len(kept) > 3 else ""
    raise ExportError(f"in fp16 it is no smaller, {sizes[1]:,} bytes instead of {sizes[0]:,}{why}{more}", form.instead)


def _batches(cases: Cases) -> Iterator[Feeds]:
    """Yield every case of the proof, and the real examples."""
    yield from (cases.at(sizes) for sizes in cases.all())
    if cases.given and all(tensor.shape[:1] == (cases.batch,) for tensor in cases.inputs):
        step = cases.ends[str(cases.batch)][1]
        for start in range(0, min(_EXAMPLES, len(next(iter(cases.given.values())))), step):
            yield {name: array[start : start + step] for name, array in cases.given.items()}


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:2]]
