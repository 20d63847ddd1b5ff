"""Which kind of source a name stands for."""

from __future__ import annotations

from pathlib import Path

from edgekit.errors import ModelError
from edgekit.sources import code, program, stage, weights
from edgekit.sources.source import Asked, Source
from edgekit.workflow.running import RUN

_KINDS = "a model file, package.module:callable, a .pt2 program, a run's stage, hf:FOLDER, or a bundle"
_WEIGHTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


def open_source(asked: Asked) -> Source:
    """Open what `asked` names: run code, load weights. Raises ModelError or UsageError where nothing comes of it."""
    name, path = asked.name, Path(asked.name)
    if name.startswith("hf:"):
        from edgekit.sources import hugging_face

        return hugging_face.from_hub(asked)
    if path.suffix == ".pt2":
        return program.from_program(asked)
    if path.suffix == ".py":
        return code.from_file(asked)
    if path.is_dir():
        return _from_folder(asked, path)
    if path.suffix in _WEIGHTS:
        if path.is_file():
            weights.read(path)  # which says what else it is: a pickled module, a TorchScript program
        what = "holds weights, which say" if path.is_file() else "is not there; weights alone would say"
        raise ModelError(
            f'"{name}" {what} nothing of how to build the network', f"edgekit export model.py --weights {name}"
        )
    if path.suffix in (".onnx", ".ort"):
        if not path.is_file():
            raise ModelError(f'there is no file "{name}"')
        raise ModelError(f'"{name}" is an ONNX file already', "edgekit inspect shows what is in it")
    if ":" in name:
        return code.from_package(asked)
    if path.exists():
        raise ModelError(f'"{name}" is a file of no kind that can be exported', f"give {_KINDS}")
    raise ModelError(f'there is no source "{name}"', f"give {_KINDS}")


def _from_folder(asked: Asked, folder: Path) -> Source:
    if stage.is_stage(folder):
        return stage.from_stage(asked)
    if (folder / RUN).is_file():
        stages = [path.name for path in sorted(folder.iterdir()) if stage.is_stage(path)]
        raise ModelError(f'"{folder}" is a run, which has several stages', f"name one of {', '.join(stages)}")
    if (folder / "config.json").is_file():
        raise ModelError(f'"{folder}" looks like a Hugging Face folder', f"write it as hf:{folder}")
    raise ModelError(f'nothing in the folder "{folder}" can be exported', f"give {_KINDS}")
