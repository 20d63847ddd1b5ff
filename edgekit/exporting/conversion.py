"""A bundle, or a bare ONNX file, made a bundle of another format or precision. No torch: nothing is exported anew."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit import __version__, files, hardware
from edgekit.errors import BundleError, InputError, UsageError
from edgekit.exporting import bundle
from edgekit.exporting.bundle import Written
from edgekit.exporting.cases import Cases, proved_sizes
from edgekit.exporting.formats import PLAIN, Form, answering, reform
from edgekit.exporting.proof import Answer, Feeds
from edgekit.graph import cleaning, storage, versions
from edgekit.manifest import FILE, MOBILE, MODEL, Manifest
from edgekit.runtime import external
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model

_MEASURED = ("metrics", "parity", "latency")  # what a card says of its file, and not of another
_OWN = ("onnx", "onnxruntime", "numpy")


def convert(
    source: Path, folder: Path, form: Form, cases: Cases | None = None, *, task: str = "custom",
    labels: Sequence[str] = (), min_onnxruntime: str | None = None,
) -> Written:  # fmt: skip
    """Write the model of `source`, a bundle or an ONNX file, to `folder` in another form, proved against it.

    `cases`: what both are asked; where that is not said it is made up, at the sizes that `source` was proved at. The
    card is that of `source`; of a bare file it has `task` and `labels`. What was measured on `source` is told as its.

    Raises UsageError where nothing would change, ExportError and ParityError as `formats.reform` does.
    """
    began = time.monotonic()
    place, minimum = bundle.check_folder(folder), form.needs(min_onnxruntime)
    bundle.check_task(task)
    model, file = opened(source, form)
    known = proved_sizes(model.inputs, model.manifest.parity) if model.manifest else {}
    cases = cases or Cases(model.inputs, sizes=known)
    with tempfile.TemporaryDirectory() as temporary:
        whole = storage.load(file)
        if model.manifest is None:
            whole = cleaning.strip(whole)
        required = versions.fit(whole, min_onnxruntime or _required(model.manifest), str(source))
        target = Path(temporary) / MODEL
        storage.save(whole, target)
        formed = reform(target, form, cases, _right(file, source), f'"{source}"')
        card = _card(model, source, file, task, labels)
        card.parity = {"with": model.name, **formed.parity.to_dict()}
        if form != PLAIN:
            card.provenance["form"] = {**card.provenance.get("form", {}), **formed.to_dict()}
        card.requires = {"onnxruntime": minimum if form.format == "ort" else required}
        beside = _beside(file, model.manifest)
        proved = time.monotonic()
        bundle.write(place, formed.model, card, cases.at(cases.all()[0]), beside, form)
    phases = {str(form): proved - began, "bundle": time.monotonic() - proved}
    return Written(place, Manifest.read(place), phases, formed)


def opened(source: Path, form: Form) -> tuple[Model, Path]:
    """Open the source and find its ONNX file; BundleError or UsageError where there is nothing to do with it."""
    model = load(source)
    file = source / model.manifest.model if model.manifest else source
    if file.suffix == ".ort":
        raise BundleError(f'"{file}" is in onnxruntime\'s own format', "give the ONNX file or bundle it was made from")
    if form == PLAIN and model.manifest:
        raise UsageError(f'"{source}" is an ONNX bundle already', "say --format ort or --precision fp16")
    return model, file


def _required(card: Manifest | None) -> str | None:
    return str(card.requires["onnxruntime"]) if card and "onnxruntime" in card.requires else None


def _right(file: Path, source: Path) -> Answer:
    answer = answering(file)

    def asked(feeds: Feeds) -> Mapping[str, Any]:
        try:
            return answer(feeds)
        except InputError as error:
            hint = "say what it takes, such as --range T=16..64, or give it real inputs with --examples"
            raise InputError(f'"{source}": {error}', hint) from None

    return asked


def _card(model: Model, source: Path, file: Path, task: str, labels: Sequence[str]) -> Manifest:
    said: dict[str, Any] = {"file": source.name, "sha256": files.sha256(file)}
    versions_here = {"edgekit": __version__, **hardware.versions(_OWN)}
    if model.manifest is None:
        outputs = model.session.outputs
        made = {"made_by": "edgekit export", "source": said, "versions": versions_here}
        return Manifest(source.stem, task, model.session.inputs, outputs, list(labels), provenance=made)
    if labels or task != "custom":
        raise UsageError(f'"{source}" has its task and labels', "leave --task and --labels out")
    known = model.manifest.to_dict()
    said |= {key: known[key] for key in _MEASURED if known[key]}
    made = {**model.manifest.provenance, "converted_from": said, "converted_by": versions_here}
    kept = {key: known[key] for key in ("name", "task", "labels", "preprocessing")}
    return Manifest(inputs=model.manifest.inputs, outputs=model.manifest.outputs, provenance=made, **kept)


def _beside(file: Path, card: Manifest | None) -> dict[str, Path]:
    """Return what else travels in a bundle: a tokenizer, a vocabulary."""
    own = {file.name, FILE, MODEL, MOBILE, *external.files(str(file))}
    return {name: file.parent / name for name in (card.files if card else ()) if name not in own}
