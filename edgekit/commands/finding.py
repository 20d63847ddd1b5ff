"""Which file a person means by the name of a model: a bundle, an ONNX file, or a run's folder."""

from __future__ import annotations

from pathlib import Path

from edgekit.errors import BundleError


def model_path(name: str) -> Path:
    """Return the bundle or ONNX file that `name` stands for: of a run's folder its bundle, of a stage's its model."""
    path = Path(name)
    if not path.exists():
        raise BundleError(f'there is no "{name}"', "give a bundle, an .onnx file, or a run's folder")
    if path.is_dir() and not (path / "manifest.json").exists():
        if (path / "bundle" / "manifest.json").exists():
            return path / "bundle"
        if (path / "model.onnx").exists():
            return path / "model.onnx"
        raise BundleError(f'"{name}" holds no bundle', "a run's folder has one when the run is finished")
    return path
