"""Optional packages fail at the door, with the pip line that brings them. Imports no optional package itself."""

from __future__ import annotations

import importlib
from types import ModuleType

from edgekit.errors import MissingExtra

# The module an `import` names -> the extra that brings it.
EXTRA_OF = {
    "onnxruntime": "cpu",
    "onnx": "tools",
    "typer": "tools",
    "pydantic": "tools",
    "yaml": "tools",
    "rich": "tools",
    "PIL": "images",
    "matplotlib": "tools",
    "jinja2": "tools",
    "torch": "train",
    "onnxscript": "train",
    "onnxslim": "train",
    "torch_pruning": "train",
    "torchao": "train",
    "safetensors": "train",
    "sklearn": "train",
    "sympy": "train",
    "datasets": "hf",
    "transformers": "hf",
    "tokenizers": "text",
    "optuna": "scale",
}


def need(module: str, purpose: str) -> ModuleType:
    """Import `module`, or raise MissingExtra naming what it is for and the pip line."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        extra = EXTRA_OF[error.name]
        raise MissingExtra(
            f'{purpose} needs the package "{error.name}", which is not installed',
            f'pip install "edgekit-onnx[{extra}]"',
        ) from None


def missing(modules: list[str]) -> list[str]:
    """Return those of `modules` that are not installed, without importing them."""
    import importlib.util  # an app that loads a model has no need of it

    return [name for name in modules if importlib.util.find_spec(name) is None]


def need_all(modules: list[str]) -> None:
    """Raise MissingExtra that names those of `modules` that are not installed, and one pip line for all."""
    if absent := missing(modules):
        extras = ",".join(sorted({EXTRA_OF[name] for name in absent}))
        raise MissingExtra(f"not installed: {', '.join(absent)}", f'pip install "edgekit-onnx[{extras}]"')
