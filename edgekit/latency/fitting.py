"""Where JSON does not fit a JSON Schema: the part of draft 2020-12 that records need, so that no package is needed.

Knows `$ref` within the schema, `type`, `enum`, `required`, `properties`, `additionalProperties`, `items`, `minItems`,
`anyOf` and the lower bounds; all else it leaves to whole validators. Imports nothing of edgekit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
Schema = Mapping[str, Any]


def misfit(value: Any, schema: Schema) -> str | None:
    """Say where `value` first does not fit `schema`, as `models[0].costs.load_cold_ms is no number`; None if nowhere.

    NaN and infinities are no numbers.
    """
    return next(_misfits(value, schema, schema, ""), None)


def _misfits(value: Any, schema: Schema, root: Schema, at: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _misfits(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, at)
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{at or 'it'} is no {' or '.join(kinds)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is none of {', '.join(map(str, schema['enum']))}"
    if _is(value, "number") and not _above(value, schema):
        yield f"{at} is too small"
    if isinstance(value, dict):
        yield from _of_object(value, schema, root, at)
    if isinstance(value, list):
        yield from _of_array(value, schema, root, at)
    choices = [next(_misfits(value, choice, root, at), None) for choice in schema.get("anyOf", ())]
    if choices and None not in choices:
        yield str(choices[0])


def _of_object(value: Mapping[str, Any], schema: Schema, root: Schema, at: str) -> Iterator[str]:
    for key in schema.get("required", ()):
        if key not in value:
            yield f'{at or "it"} has no "{key}"'
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for key, each in value.items():
        if key not in known and others is False:
            yield f'{at} has an unknown "{key}"'
        inner = known.get(key, others if isinstance(others, dict) else {})
        yield from _misfits(each, inner, root, f"{at}.{key}" if at else key)


def _of_array(value: Sequence[Any], schema: Schema, root: Schema, at: str) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{at} is too short"
    inner = schema.get("items")
    if not inner or (inner.get("type") == "integer" and {*map(type, value)} <= {int}):  # a million times, at once
        return
    for place, each in enumerate(value):
        yield from _misfits(each, inner, root, f"{at}[{place}]")


def _is(value: Any, kind: str) -> bool:
    if kind in ("integer", "number") and isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _above(value: float, schema: Schema) -> bool:
    return bool(value >= schema.get("minimum", value) and value > schema.get("exclusiveMinimum", -math.inf))
