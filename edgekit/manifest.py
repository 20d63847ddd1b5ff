"""The bundle's manifest: one schema, read and written here. Torch-free, and light enough for the runtime.

A bundle is a folder: the model, `manifest.json`, and whatever else an app needs (tokenizer, vocabulary). The model is
`model.onnx`, or `model.ort` in onnxruntime's own format: whichever of them the manifest lists. The manifest names every
file with its SHA-256, carries a seal of its own (`files.write_sealed`), and says what the model takes, answers, scored
and came from. JSON and hashing are imported by the first manifest that is read.
"""

from __future__ import annotations

import os
from typing import Any

from edgekit.errors import BundleError, InputError
from edgekit.signature import Tensor

SCHEMA = 1
FILE = "manifest.json"
MODEL = "model.onnx"
MOBILE = "model.ort"  # onnxruntime's own format, for builds of it that read no ONNX
COPY_AGAIN = "copy the bundle again from where it was made"
# What must be of which kind; `files` is looked into by whoever opens them.
_KINDS: dict[str, type] = {
    "name": str, "task": str, "inputs": list, "outputs": list, "labels": list, "preprocessing": dict, "metrics": dict,
    "parity": dict, "latency": dict, "provenance": dict, "requires": dict,
}  # fmt: skip


class Manifest:
    """What a bundle says of itself.

    `inputs`, `outputs`: Tensors. `labels`: class names in the order of the last output axis, or empty.
    `preprocessing`: what the graph does to the input (mean and std in units of 0..1, layout, colour mode).
    `metrics`: metric name -> {value, low, high, n, split}. `parity`: agreement with PyTorch. `latency`: p50 and p90
    in microseconds with the machine they were measured on. `provenance`: recipe, seed, stages, versions, hashes.
    `requires`: the oldest onnxruntime, and opset and IR. `files`: name -> {sha256, bytes}.
    """

    def __init__(
        self,
        name: str,
        task: str,
        inputs: list[Tensor],
        outputs: list[Tensor],
        labels: list[str] | None = None,
        preprocessing: dict[str, Any] | None = None,
        metrics: dict[str, Any] | None = None,
        parity: dict[str, Any] | None = None,
        latency: dict[str, Any] | None = None,
        provenance: dict[str, Any] | None = None,
        requires: dict[str, Any] | None = None,
        files: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.task = task
        self.inputs = inputs
        self.outputs = outputs
        self.labels = labels or []
        self.preprocessing = preprocessing or {}
        self.metrics = metrics or {}
        self.parity = parity or {}
        self.latency = latency or {}
        self.provenance = provenance or {}
        self.requires = requires or {}
        self.files = files or {}

    @property
    def model(self) -> str:
        """The name of the file that is the model."""
        listed = self.files if isinstance(self.files, dict) else {}  # of a damaged manifest it may be anything
        return MOBILE if MOBILE in listed and MODEL not in listed else MODEL

    def to_dict(self) -> dict[str, Any]:
        """Give the manifest as JSON-ready values."""
        said = {**vars(self), "inputs": [str(t) for t in self.inputs], "outputs": [str(t) for t in self.outputs]}
        return {"schema": SCHEMA, **said}

    @classmethod
    def from_dict(cls, said: dict[str, Any], where: str) -> Manifest:
        """Read what `to_dict` gave and a seal was put on; BundleError where it is not a manifest, or a newer one."""
        schema = said.get("schema") if isinstance(said, dict) else None
        if type(schema) is not int or schema < 1:
            raise BundleError(f'"{where}" is not an edgekit manifest: it has no "schema"')
        if schema > SCHEMA:
            raise BundleError(
                f'"{where}" has manifest schema {schema}; this edgekit reads up to {SCHEMA}',
                "pip install --upgrade edgekit-onnx",
            )
        if "seal" not in said:
            raise BundleError(f'"{where}" has no seal: it was altered, or another program wrote it', COPY_AGAIN)
        if not _sealed(said):
            raise BundleError(f'"{where}" was altered: its seal is not that of what it says', COPY_AGAIN)
        values = {key: value for key, value in said.items() if key not in ("schema", "seal")}
        for key, kind in _KINDS.items():
            if not isinstance(values.get(key, kind()), kind):
                import json

                raise BundleError(f'"{where}" is not an edgekit manifest: "{key}" is {json.dumps(values[key])[:60]}')
        if foreign := [key for key in values if key not in (*_KINDS, "files")]:
            raise BundleError(f'"{where}" is not an edgekit manifest: it says "{foreign[0]}", which is no key of one')
        try:
            values["inputs"] = [Tensor.parse(line) for line in values["inputs"]]
            values["outputs"] = [Tensor.parse(line) for line in values["outputs"]]
            return cls(**values)
        except InputError as error:
            raise BundleError(f'"{where}" is damaged: {error}') from None
        except (KeyError, TypeError) as error:
            raise BundleError(f'"{where}" is not an edgekit manifest: {error}') from None

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Manifest:
        """Read the manifest of the bundle in `folder`."""
        import json

        path = os.path.join(folder, FILE)
        try:
            with open(path, encoding="utf-8") as stream:
                said = json.load(stream)
        except FileNotFoundError:
            raise BundleError(f'"{folder}" is not a bundle: it has no {FILE}', "edgekit distill makes one") from None
        except (OSError, ValueError, RecursionError) as error:
            raise BundleError(f'"{path}" cannot be read: {error}', COPY_AGAIN) from None
        return cls.from_dict(said, path)


def _sealed(said: dict[str, Any]) -> bool:
    """Say whether the seal is that of the rest."""
    from edgekit.hashing import fingerprint

    try:
        return bool(said["seal"] == fingerprint({key: value for key, value in said.items() if key != "seal"}))
    except (ValueError, RecursionError):  # NaN and lone surrogates, which nothing wrote
        return False
