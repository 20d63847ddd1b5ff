"""What is wrong with a recipe, in our words: pydantic's findings are translated here and nowhere else. No torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from edgekit.errors import nearest

Keys = tuple[str | int, ...]

_NOUNS = {
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys",
}


@dataclass(frozen=True)
class Fault:
    """One complaint about the value at `path`; `origin` where the fault lies elsewhere than that value."""

    path: Keys
    complaint: str
    hint: str | None = None
    origin: int | str | None = None


def dotted(path: Keys) -> str:
    """Write a path as people do: `stages.prune.ratio`, `data.labels[2]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """Write a value as the recipe would: text in quotes, long things by what they are."""
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 40 else "a mapping" if isinstance(value, dict) else f"a list of {len(value)}"
    return json.dumps(value, ensure_ascii=False)


def unknown(word: str, known: list[str], what: str = "unknown key") -> str:
    """Complain about a word that is not among `known`: the nearest where one is near, else all of them."""
    near = nearest(word, known)
    return f'{what}; did you mean "{near}"?' if near else f"{what}; known here: {', '.join(known)}"


def translate(error: ValidationError, model: type[BaseModel], at: Keys = ()) -> Iterator[Fault]:
    """Give each finding of pydantic about a `model` that stands at the path `at`."""
    schema = model.model_json_schema()
    for found in error.errors(include_url=False, include_context=False):
        path = found["loc"]
        if found["type"] == "extra_forbidden":
            known = list(_node(schema, path[:-1])["properties"])
            yield Fault((*at, *path), unknown(str(path[-1]), known))
            continue
        node = _node(schema, path)
        hint = node.get("description") if "properties" not in node else None
        complaint = "is missing" if found["type"] == "missing" else _complaint(found["input"], node)
        yield Fault((*at, *path), complaint, hint)


def _node(schema: dict[str, Any], path: Keys) -> dict[str, Any]:
    """Return the part of a JSON Schema that speaks of the value at `path`, its reference and its null resolved."""
    node = schema
    for part in path:
        if isinstance(part, int):
            node = node["items"]
        else:
            node = node.get("properties", {}).get(part) or node["additionalProperties"]
        for choice in node.get("anyOf", ()):
            if choice.get("type") != "null":
                node = {**node, **choice, "nullable": True}
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _complaint(value: Any, node: dict[str, Any]) -> str:
    text = shown(value)
    if "enum" in node or "const" in node:
        choices = [str(choice) for choice in node.get("enum", [node.get("const")])]
        near = nearest(value, choices) if isinstance(value, str) else None
        return f"{text} is not {_one_of(choices)}" + (f'; did you mean "{near}"?' if near else "")
    kind = node.get("type", "object")
    if _is(value, kind):
        if kind in ("integer", "number"):
            return f"{text} is not {_bounds(node, value)}"
        if "pattern" in node and value:
            example = node.get("examples", [None])[0]
            return f'{text} is not of the form of "{example}"' if example else f"{text} does not fit {node['pattern']}"
        return f"{text} is empty"
    bounds = _bounds(node, None)
    wanted = _NOUNS[kind] + (f" {bounds}" if bounds else "") + (", or null" if node.get("nullable") else "")
    if kind == "string" and isinstance(value, int | float):
        wanted += f'; write it in quotes, as "{node.get("examples", [value])[0]}"'
    return f"{text} is not {wanted}"


def _one_of(choices: list[str]) -> str:
    return f'"{choices[0]}"' if len(choices) == 1 else f"one of {', '.join(choices)}"


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    types = {"integer": int, "number": (int, float), "string": str, "array": list, "object": dict, "boolean": bool}
    return isinstance(value, types[kind])  # type: ignore[arg-type]


def _bounds(node: dict[str, Any], value: float | None) -> str:
    """Write the range of a number; `value` is named its one offending bound where that is an excluded end."""
    low, above = node.get("minimum"), node.get("exclusiveMinimum")
    high, below = node.get("maximum"), node.get("exclusiveMaximum")
    least = low if low is not None else above
    most = high if high is not None else below
    if least is not None and most is not None and (value is None or value not in (above, below)):
        return f"between {least:g} and {most:g}"
    if above is not None and (below is None or value == above):
        return f"above {above:g}"
    if below is not None:
        return f"below {below:g}"
    if low is not None:
        return f"at least {low:g}" if value is not None else f"of at least {low:g}"
    return f"at most {high:g}" if high is not None else ""
