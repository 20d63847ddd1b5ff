"""Values that replace what a recipe says: `stages.prune.ratio=0.5`, and the recipe's own for `--quick`. No torch."""

from __future__ import annotations

from edgekit.errors import UsageError
from edgekit.recipe.document import OVERRIDE, Document, read_value
from edgekit.recipe.faults import Fault, dotted, shown, unknown


def apply(document: Document, override: str) -> None:
    """Apply one `key.path=value`, the value read as YAML; a path that leads nowhere becomes a fault."""
    key, equals, text = override.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        raise UsageError(f'"{override}" is not an override', "write it as stages.prune.ratio=0.5")
    try:
        value = read_value(text)
    except ValueError as error:
        raise UsageError(f'"{override}": {error}', "write it as stages.prune.ratio=0.5") from None
    put(document, path, value, OVERRIDE)


def apply_quick(document: Document) -> None:
    """Apply what the recipe says under `quick`; faults are placed at the lines there."""
    quick = document.get("quick")
    if not isinstance(quick, dict):
        return
    for key, value in quick.items():
        put(document, tuple(key.split(".")), value, document.origin(("quick", key)) or OVERRIDE)


def put(document: Document, path: tuple[str, ...], value: object, origin: int | str) -> None:
    """Set the value at `path`, told as from `origin`; of a stage, false leaves it out, and true lets it stand."""
    for depth in range(1, len(path)):
        mapping = document.get(*path[:depth])
        if mapping is not None and not isinstance(mapping, dict):
            said = f"cannot be set: {dotted(path[:depth])} is {shown(mapping)}, which has no keys"
            document.faults.append(Fault(path, said, origin=origin))
            return
    stages = document.get("stages")
    if path[0] == "stages" and len(path) > 1 and isinstance(stages, dict) and path[1] not in stages:
        said = unknown(path[1], list(stages), f'cannot be set: there is no stage "{path[1]}"')
        document.faults.append(Fault(path, said, origin=origin))
        return
    if path[0] == "stages" and len(path) == 2 and isinstance(value, bool):
        if not value:
            _leave_out(document, path)
        return
    document.put(path, value, origin)


def _leave_out(document: Document, stage: tuple[str, ...]) -> None:
    """Take out a stage, and what is said of it elsewhere."""
    document.remove(stage)
    name = dotted(stage)
    for section in (("quick",), ("search", "short"), ("search", "space")):
        said = document.get(*section)
        for key in list(said) if isinstance(said, dict) else ():
            if key == name or key.startswith(f"{name}."):
                document.remove((*section, key))
