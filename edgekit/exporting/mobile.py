"""onnxruntime's own format (.ort), for its small builds on phones and in browsers, written by onnxruntime itself."""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx

from edgekit.errors import ExportError
from edgekit.exporting.silence import silence
from edgekit.graph import storage
from edgekit.manifest import MOBILE

OPERATORS = "required_operators.config"  # what a small build is made with


def write(model: onnx.ModelProto, folder: Path) -> Path:
    """Write `model` as `model.ort` to `folder`, with the list of its operators beside it; return the file.

    Optimised as for any processor ("Fixed", without the layouts of one); what it answers is for a proof to say.
    ExportError where onnxruntime cannot, with its reason.
    """
    if storage.is_large(model):
        raise ExportError(
            f"the weights are {storage.size(model):,} bytes, and a .ort file holds {storage.LIMIT:,} at most",
            "stay with ONNX, which keeps them in a file beside the model",
        )
    with tempfile.TemporaryDirectory() as place:
        storage.save(model, Path(place) / "model.onnx")
        try:
            with silence(), _logging_as_it_was():
                from onnxruntime.tools import convert_onnx_models_to_ort as converter

                styles = [converter.OptimizationStyle.Fixed]
                converter.convert_onnx_models_to_ort(Path(place) / "model.onnx", optimization_styles=styles)
        except Exception as error:  # onnxruntime's errors share no class
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ExportError(f"onnxruntime cannot write it in its own format: {reason}") from error
        shutil.copyfile(Path(place) / MOBILE, folder / MOBILE)
        listed = (Path(place) / f"model.{OPERATORS}").read_text(encoding="utf-8").splitlines()
    # Its comments name the temporary folder.
    (folder / OPERATORS).write_text("".join(f"{line}\n" for line in listed if line[:1] != "#"), encoding="utf-8")
    return folder / MOBILE


@contextlib.contextmanager
def _logging_as_it_was() -> Iterator[None]:
    """Take back what the converter does to the root logger when it is imported, and keep its lines from it."""
    handlers, disabled = logging.root.handlers[:], logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.root.handlers[:] = handlers
        logging.disable(disabled)
