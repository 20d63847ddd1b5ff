"""edgekit export of what is ONNX already: a bundle, a run's bundle or an ONNX file. Imports nothing heavy by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.exporting.bundle import Written
    from edgekit.exporting.cases import Cases
    from edgekit.signature import Tensor

_TAKEN = ("ranges", "task", "labels", "min_onnxruntime")


def ready(name: str, plain: bool) -> Path | None:
    """Return the bundle or ONNX file that `name` stands for, None for what PyTorch must be asked about.

    A run stands for its bundle and a stage that made a graph for it, where another form than the `plain` one is wanted.
    """
    from edgekit.manifest import FILE, MODEL

    path = Path(name)
    if (path.suffix in (".onnx", ".ort") and path.is_file()) or (path / FILE).is_file():
        return path
    if plain or not path.is_dir():
        return None
    if (path / "bundle" / FILE).is_file():
        return path / "bundle"
    from edgekit.sources.stage import is_stage  # takes PyTorch along, which a bundle has no need of
    from edgekit.workflow.candidates import WEIGHTS

    return path / MODEL if is_stage(path) and not (path / WEIGHTS).is_file() else None


def into_repository(
    source: str, folder: Path, format: str, serve: list[str], foreign: Mapping[str, Any],
    arrays: Mapping[str, Any] | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Add a bundle or ONNX file to a server's model repository, and say what was written."""
    from edgekit import console
    from edgekit.commands import declaring
    from edgekit.data.arrays import examples
    from edgekit.extras import need_all

    need_all(["onnx", "onnxruntime"])
    from edgekit.exporting import repository
    from edgekit.exporting.triton import Serving
    from edgekit.runtime.bundle import load

    if format != "triton":
        raise UsageError("--serve is for --format triton", "leave it out")
    given = ready(source, plain=False)
    if given is None:
        raise UsageError(f'"{source}" is no bundle and no ONNX file', "export it as a bundle first, and then that")
    for option, value in foreign.items():
        if value:
            named = {"inputs": "input", "outputs": "output"}.get(option, option.replace("_", "-"))
            raise UsageError(f"--format triton takes a bundle as it is, and no --{named}", "export the bundle so first")
    serving = Serving.parse(declaring.arguments(serve))
    real, _ = examples(arrays, load(given).inputs) if arrays else ({}, None)
    if dry_run:
        console.answer(f"{folder / (serving.name or load(given).name)} would be written")
        return
    done = repository.write(given, folder, serving, real)
    if as_json:
        console.result({**done._asdict(), "folder": str(done.folder)})
        return
    console.answer(f"model     {done.folder}, version {done.version}{', as it was' if done.known else ''}")
    read = "reads by Triton's published schema" if done.checked else "not read by the schema: pip install tritonclient"
    console.answer(f"config    {done.folder / repository.CONFIG}: {read}")
    if done.stateful:
        console.answer("states    kept by the server, for each conversation")
    else:
        zeros = "zeros: give real ones with --examples FILE.npz"
        console.answer(f"warm-up   {'a real input' if done.warmed else zeros}")
    for note in done.notes:
        console.answer(f"note      {note}")
    console.answer(f"client    {done.folder / 'client.py'}")


@dataclass(frozen=True)
class Plan:
    """What is asked for: `said` are the options that were given, `arrays` real inputs and labels."""

    source: Path
    folder: Path
    format: str
    precision: str
    said: Mapping[str, Any]
    arrays: Mapping[str, Any] | None

    def rehearse(self) -> tuple[list[Tensor], list[Tensor], list[dict[str, int]]]:
        """Open the source, and return its inputs and outputs, and the cases it would be asked."""
        from edgekit.exporting import conversion

        model, _ = conversion.opened(self.source, self._form())
        return model.inputs, model.outputs, self._cases().all()

    def carry_out(self) -> Written:
        """Convert it."""
        from edgekit.exporting import conversion

        form = self._form()
        known = {key: value for key, value in self.said.items() if key in _TAKEN and key != "ranges"}
        return conversion.convert(self.source, self.folder, form, self._cases(), **known)

    def _form(self) -> Any:
        from edgekit.extras import need_all

        for option, value in self.said.items():
            if value and option not in _TAKEN:
                named = {"inputs": "input", "outputs": "output"}.get(option, option.replace("_", "-"))
                raise UsageError(f'"{self.source}" is ONNX already, and takes no --{named}', "export it from PyTorch")
        need_all(["onnx", "onnxruntime"])
        from edgekit.exporting.formats import Form

        return Form(self.format, self.precision)

    def _cases(self) -> Cases:
        from edgekit.data.arrays import examples
        from edgekit.exporting.cases import Cases, proved_sizes, split_ranges
        from edgekit.exporting.scoring import labelled
        from edgekit.runtime.bundle import load

        model = load(self.source)
        given, targets = examples(self.arrays, model.inputs) if self.arrays else ({}, None)
        known = proved_sizes(model.inputs, model.manifest.parity) if model.manifest else {}
        sizes, values = split_ranges(self.said.get("ranges", {}), model.inputs)
        cases = Cases(model.inputs, given, {**known, **sizes}, values)
        if targets is not None:
            cases.labelled = labelled(targets, model.outputs, len(next(iter(given.values()))))
        return cases
