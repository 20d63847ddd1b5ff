"""Reads the record of a run or a search: checked against its model, and the first fault told by its place."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from edgekit.errors import DataError

M = TypeVar("M", bound=BaseModel)


def checked(kind: type[M], said: Any, where: str, *, what: str, newest: int, named: str, again: str) -> M:
    """Check the values of a record of a `what`, whose newest schema is `newest`.

    Raises DataError that names the first place which is not what it must be; `named` and `again` are the hints for what
    is no such record, and for a damaged one.
    """
    schema = said.get("schema") if isinstance(said, dict) else None
    if not isinstance(schema, int):
        raise DataError(f'"{where}" is not the record of a {what}: it has no "schema"', named)
    if schema > newest:
        raise DataError(
            f'"{where}" has {what} schema {schema}; this edgekit reads up to {newest}',
            "pip install --upgrade edgekit-onnx",
        )
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise DataError(f'"{where}" is damaged: {place}: {fault["msg"].lower()}', again) from None
