"""From the named columns of a table to examples: texts or numbers, and labels by name or by number. Imports numpy.

Every complaint names the file and the line, or the row where there are no lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgekit.data.examples import Examples, Source
from edgekit.errors import DataError, nearest

if TYPE_CHECKING:
    from edgekit.recipe.data import Columns, Data

TEXT = "text"  # the column that is read where none is named
SEPARATORS = "|;,"  # between the labels of one cell, the first of these that any cell has


class Table(NamedTuple):
    """Columns by name, all of one length; `lines` are the places of the rows in the file, where they have some."""

    columns: dict[str, Sequence[Any]]
    where: str
    lines: Sequence[int] | None = None

    def at(self, row: int) -> str:
        """Say where a row stands."""
        return f'"{self.where}", line {self.lines[row]}' if self.lines else f'"{self.where}": row {row}'

    def column(self, name: str, key: str) -> Sequence[Any]:
        """Return a column; DataError where there is none, `key` being where the recipe names it."""
        if name not in self.columns:
            near = nearest(name, list(self.columns))
            has = ", ".join(self.columns) or "none"
            hint = f'did you mean "{near}"?' if near else f"its columns are {has}"
            raise DataError(f'"{self.where}" has no column "{name}", which data.columns.{key} names', hint)
        return self.columns[name]


def read(tables: dict[str, Table], data: Data, kind: str, labels: list[str] | None) -> Source:
    """Return the splits there are as `source` does, all with the classes of the first, which is for training."""
    found: dict[str, Source] = {}
    for split, table in tables.items():
        found[split] = source(table, data.columns, kind, labels, data.window is not None)
        labels = found[split].labels
    held = {split: each.train for split, each in found.items()}
    return Source(held["train"], held.get("test"), labels, held.get("validation"))


def source(table: Table, columns: Columns, kind: str, labels: list[str] | None, recordings: bool) -> Source:
    """Return a table's rows as examples, with the names of its classes: `labels`, or those it has itself.

    `kind` is what targets are: "class", "number", "labels"; "vector" and "token" read none. With `recordings`, rows are
    moments: a recording is all that follow each other with one group and one label.
    """
    if not len(next(iter(table.columns.values()), ())):
        raise DataError(f'"{table.where}" has no rows', "choose a file that holds some")
    inputs = _inputs(table, columns)
    grouped = columns.group is not None and (kind != "vector" or columns.group in table.columns)
    groups = _words(table, columns.group, "group") if grouped and columns.group else None
    if kind in ("vector", "token"):
        targets, names = np.zeros(len(inputs), dtype=np.int64), None
    elif columns.label is None:
        has = f"its columns are {', '.join(table.columns)}"
        raise DataError(f'nothing says which column of "{table.where}" is the label', f"name data.columns.label; {has}")
    else:
        targets, names = _KINDS[kind](table, columns.label, labels)
    examples = Examples(inputs, targets, table.where, groups)
    return Source(_recordings(examples) if recordings else examples, labels=names)


def _inputs(table: Table, columns: Columns) -> NDArray[Any]:
    if columns.text is None and columns.features is None and TEXT in table.columns:
        columns = columns.model_copy(update={"text": [TEXT]})
    if (columns.text is None) == (columns.features is None):
        has = f"its columns are {', '.join(table.columns)}"
        both = "both text and features" if columns.text else "neither text nor features"
        raise DataError(f'of "{table.where}", data.columns names {both}', f"name one of them; {has}")
    if columns.features is not None:
        first = table.column(columns.features[0], "features")
        if len(first) and isinstance(first[0], np.ndarray):
            return _pictures(table, first)
        return _numbers(table, columns.features, "features")
    assert columns.text is not None
    parts = [_texts(table, name) for name in columns.text]
    inputs = np.empty(len(parts[0]), dtype=object)
    inputs[:] = parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))
    return inputs


def _pictures(table: Table, pictures: Sequence[Any]) -> NDArray[Any]:
    for row, picture in enumerate(pictures):
        if picture.shape != pictures[0].shape:
            sizes = f"{list(picture.shape)}, and the first one {list(pictures[0].shape)}"
            raise DataError(f"{table.at(row)}: the picture is {sizes}", "bring all to one size, and to grey or colour")
    return np.stack(pictures)


def _texts(table: Table, name: str) -> Sequence[str]:
    found = table.column(name, "text")
    for row, value in enumerate(found):
        if not isinstance(value, str):
            raise DataError(
                f'{table.at(row)}: "{name}" is {_shown(value)}, and no text', "write a text, or leave it out"
            )
    return found


def _words(table: Table, name: str, key: str) -> NDArray[Any]:
    found = table.column(name, key)
    for row, value in enumerate(found):
        if value is None or value == "":
            raise DataError(f'{table.at(row)}: "{name}" is empty', f"every example has a {key}")
    return np.array([str(value) for value in found])


def _numbers(table: Table, names: Sequence[str], key: str) -> NDArray[np.float32]:
    columns = []
    for name in names:
        found = table.column(name, key)
        try:
            column = np.array(found, dtype=np.float64)
            wrong = ~np.isfinite(column)
        except (TypeError, ValueError):
            wrong = np.array([not _is_finite(value) for value in found])
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f'{table.at(row)}: "{name}" is {_shown(found[row])}, and no finite number',
                "fill it in, or leave it out",
            )
        columns.append(column.astype(np.float32))
    return np.stack(columns, axis=1)


def _is_finite(value: Any) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except (TypeError, ValueError):
        return False


def _classes(table: Table, label: list[str], labels: list[str] | None) -> tuple[NDArray[Any], list[str]]:
    if len(label) > 1:
        raise DataError(f"data.columns.label names {len(label)} columns, and a class stands in one", "name one column")
    words = _words(table, label[0], "label")
    known = {name: number for number, name in enumerate(labels or [])}
    # Numbers stand for classes where no name is among them: "1" is the second class, unless a class is called that.
    numbered = not any(word in known for word in set(words)) and all(word.isdecimal() for word in set(words))
    if labels is None:
        names = [str(number) for number in range(max(map(int, words)) + 1)] if numbered else sorted(set(words.tolist()))
        if numbered and len(names) > len(words):
            raise DataError(f'"{table.where}": classes go up to "{names[-1]}"', "number them from 0 without a gap")
        known = {name: number for number, name in enumerate(names)}
    else:
        names = labels
        if numbered:
            known = {str(number): number for number in range(len(labels))}
    for row, word in enumerate(words):
        if word not in known:
            near = nearest(str(word), names)
            hint = f'did you mean "{near}"?' if near else f"the classes are {', '.join(names)}"
            raise DataError(f'{table.at(row)}: the label "{word}" is no known class', hint)
    return np.array([known[word] for word in words], dtype=np.int64), names


def _several(table: Table, label: list[str], labels: list[str] | None) -> tuple[NDArray[Any], list[str]]:
    if len(label) > 1:
        marks = _numbers(table, label, "label")
        wrong = ~np.isin(marks, (0, 1)).all(axis=1)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(f"{table.at(row)}: the labels are {marks[row].tolist()}", "write 1 for true and 0 for not")
        return marks, list(labels or label)
    cells = _lists(table.column(label[0], "label"))
    names = labels or sorted({name for cell in cells for name in cell})
    known = {name: number for number, name in enumerate(names)}
    targets = np.zeros((len(cells), len(names)), dtype=np.float32)
    for row, cell in enumerate(cells):
        for name in cell:
            if name not in known:
                near = nearest(name, names)
                hint = f'did you mean "{near}"?' if near else f"the labels are {', '.join(names)}"
                raise DataError(f'{table.at(row)}: "{name}" is no known label', hint)
            targets[row, known[name]] = 1
    return targets, names


def _lists(cells: Sequence[Any]) -> list[list[str]]:
    """Take a cell's labels apart: a list as it is, a text at the separator."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    separator = next((mark for mark in SEPARATORS if any(mark in text for text in texts)), SEPARATORS[0])
    found = [cell.split(separator) if isinstance(cell, str) else cell or [] for cell in cells]
    return [[name for word in cell if (name := str(word).strip())] for cell in found]


def _values(table: Table, label: list[str], labels: list[str] | None) -> tuple[NDArray[Any], None]:
    numbers = _numbers(table, label, "label")
    return (numbers[:, 0] if len(label) == 1 else numbers), None


_KINDS: dict[str, Callable[[Table, list[str], list[str] | None], tuple[NDArray[Any], list[str] | None]]] = {
    "class": _classes,
    "labels": _several,
    "number": _values,
}


def _recordings(moments: Examples) -> Examples:
    """Join what follows each other with one group and one target: inputs become an object array of float32 [T,F]."""
    if moments.groups is None:
        raise DataError(f'nothing says what belongs together in "{moments.where}"', "name data.columns.group")
    kept = moments.targets.reshape(len(moments.targets), -1)
    changed = (kept[1:] != kept[:-1]).any(axis=1) | (moments.groups[1:] != moments.groups[:-1])
    begins = np.concatenate([[0], np.flatnonzero(changed) + 1])
    inputs = np.empty(len(begins), dtype=object)
    inputs[:] = np.split(moments.inputs, begins[1:])
    return Examples(inputs, moments.targets[begins], moments.where, moments.groups[begins])


def _shown(value: Any) -> str:
    return "empty" if value is None or value == "" else f'"{str(value)[:40]}"'
