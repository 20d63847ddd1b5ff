"""YAML text turned into plain values, with the line of each. Must not know what a recipe is.

Only PyYAML's composer is used: it yields nodes of text and constructs nothing, so that a recipe is data whatever it
says. Scalars are read by YAML 1.2's core rules, under which 1e-3 is a number. What YAML 1.1 would take for a truth
(yes, no, on, off) is refused where it is not in quotes, since the two versions disagree; so are duplicate keys, tags
and aliases.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from edgekit.errors import RecipeError
from edgekit.recipe.faults import Fault, Keys, dotted, shown

OVERRIDE = "override"
_TAG = "tag:yaml.org,2002:"
_AMBIGUOUS = "!ambiguous"


class _Composer(yaml.SafeLoader):
    """PyYAML with the scalars of YAML 1.2, and without aliases."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML's way

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, "aliases are not supported: write the value again", event.start_mark)
        return super().compose_node(parent, index)


for _tag, _pattern in (
    (_TAG + "null", r"~|null|Null|NULL|"),
    (_TAG + "bool", r"true|True|TRUE|false|False|FALSE"),
    (_TAG + "int", r"[-+]?[0-9]{1,18}"),
    (_TAG + "float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    (_AMBIGUOUS, r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF"),
):
    _Composer.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), None)


class Document:
    """The values of a YAML mapping, where each was written, and what is wrong with the writing.

    `name` is the file as errors name it; `refused` are the paths of values that could not be read. A value set by
    `put` is placed at what was told there.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: dict[str, Any] = {}
        self.faults: list[Fault] = []
        self.refused: set[Keys] = set()
        self._places: dict[Keys, int | str] = {}

    def get(self, *path: str) -> Any:
        """Return the value at `path`; None where there is none."""
        value: Any = self.values
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def text(self, *path: str) -> str | None:
        """Return the text at `path`; None where there is none, or no text."""
        value = self.get(*path)
        return value if isinstance(value, str) else None

    def put(self, path: tuple[str, ...], value: Any, origin: int | str) -> None:
        """Set the value at `path`, making the mappings on the way; errors name its place as `origin`."""
        mapping = self.values
        for depth, part in enumerate(path[:-1], 1):
            if mapping.get(part) is None:
                mapping[part] = {}
                self._places[path[:depth]] = origin
            mapping = mapping[part]
        mapping[path[-1]] = value
        self._places = {at: place for at, place in self._places.items() if at[: len(path)] != path}
        self._places[path] = origin

    def remove(self, path: tuple[str, ...]) -> None:
        """Take out the value at `path`, which is there."""
        mapping = self.get(*path[:-1])
        del mapping[path[-1]]
        self._places = {at: place for at, place in self._places.items() if at[: len(path)] != path}

    def origin(self, path: Keys) -> int | str | None:
        """Return the line of the value at `path`, or of what it would stand in; or the word for an override."""
        for depth in range(len(path), 0, -1):
            if path[:depth] in self._places:
                return self._places[path[:depth]]
        return None

    def line(self, fault: Fault) -> float:
        """Return the line of a fault, to sort by: overrides come last."""
        origin = fault.origin or self.origin(fault.path)
        return origin if isinstance(origin, int) else math.inf if origin == OVERRIDE else 0

    def place(self, fault: Fault) -> str:
        """Write where a fault is: `recipes/tiny.yaml:23, stages.prune.ratio`."""
        origin = fault.origin or self.origin(fault.path)
        where = f"{self.name}:{origin}" if isinstance(origin, int) else self.name
        if origin == OVERRIDE:
            where += " (override)"
        return where + (f", {dotted(fault.path)}" if fault.path else "")

    def _read(self, node: yaml.Node, path: Keys) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        text = str(node.value)
        if node.tag == _TAG + "str":
            return text
        if node.tag == _TAG + "null":
            return None
        if node.tag == _TAG + "bool":
            return text.lower() == "true"
        try:
            if node.tag == _TAG + "int":
                return int(text)
            if node.tag == _TAG + "float" and math.isfinite(number := float(text.replace(".inf", "inf"))):
                return number
        except ValueError:  # a tag that was written: !!int abc
            pass
        self.refused.add(path)
        self.faults.append(Fault(path, _refusal(node, text), origin=node.start_mark.line + 1))
        return text

    def _item(self, node: yaml.Node, path: Keys) -> Any:
        self._places[path] = node.start_mark.line + 1
        return self._read(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Keys) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._read(key_node, path)
            if not isinstance(key, str):
                self.faults.append(Fault(path, f"the key {shown(key)} is not text; write it in quotes", origin=line))
                continue
            if key in values:
                first = self._places[(*path, key)]
                self.faults.append(Fault((*path, key), f"is said twice, first in line {first}", origin=line))
                continue
            self._places[(*path, key)] = line
            values[key] = self._read(value_node, (*path, key))
        return values


def _refusal(node: yaml.Node, text: str) -> str:
    if node.tag == _AMBIGUOUS:
        truth = "true" if text.lower() in ("yes", "on") else "false"
        return f'{text} may be a truth or a word; write {truth}, or "{text}" in quotes'
    if node.tag == _TAG + "float":
        return f"{text} is not a finite number"
    return f'the tag "{node.tag.replace(_TAG, "!!")}" does not belong in a recipe'


def _compose(text: str) -> yaml.Node | None:
    composer = _Composer(text)
    try:
        return composer.get_single_node()
    finally:
        composer.dispose()


def read(text: str, name: str) -> Document:
    """Read a YAML mapping; raise RecipeError where the text is not YAML. Lesser faults are in the document."""
    document = Document(name)
    try:
        node = _compose(text)
        if not isinstance(node, yaml.MappingNode):
            what = "is empty" if node is None else "is not a mapping of keys"
            raise RecipeError(f"{name} {what}", "edgekit copy digits gives a recipe to start from")
        document.values = document._mapping(node, ())
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise RecipeError(
            f"{name}{line}: this is not YAML: {said}", "mind the indentation, colons and quotes"
        ) from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{name}: this is not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise RecipeError(f"{name}: values are nested too deeply to read") from None
    return document


def read_value(text: str) -> Any:
    """Read one value as the right side of a colon would be; raise ValueError that says what is wrong with it."""
    try:
        node = _compose(text)
    except (yaml.YAMLError, RecursionError):
        raise ValueError(f'"{text}" is not a YAML value') from None
    document = Document("")
    value = None if node is None else document._read(node, ())
    if document.faults:
        raise ValueError(document.faults[0].complaint)
    return value
