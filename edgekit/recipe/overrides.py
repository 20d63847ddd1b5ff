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
    _put(document, path, value, OVERRIDE)


def apply_quick(document: Document) -> None:
    """Apply what the recipe says under `quick`; faults are placed at the lines there."""
    quick = document.get("quick")
    if not isinstance(quick, dict):
        return
    for key, value in quick.items():
        _put(document, tuple(key.split(".")), value, document.origin(("quick", key)) or OVERRIDE)


def _put(document: Document, path: tuple[str, ...], value: object, origin: int | str) -> None:
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
    document.put(path, value, origin)
