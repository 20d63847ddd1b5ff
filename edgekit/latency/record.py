"""The record of a measurement: the machine, the settings, and every raw time, in one JSON file of schema 2.

Whatever is told later (other percentiles, other comparisons, other machines beside it) is told from the raw times
again. Written in one step, so that a record is whole or not there. Schema 1 is still read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit import files
from edgekit.errors import DataError
from edgekit.latency.fitting import misfit
from edgekit.latency.notes import Note
from edgekit.latency.samples import Samples

SCHEMA = 2
_AGAIN = "measure again, or copy the record again from where it was made"


@dataclass(frozen=True)
class Entry:
    """What was measured of one model in one setting: what it is, where and how it ran, and its times.

    `kind`: "onnx", "torch" or "callable"; `file`, `sha256` and `bytes` are None for what has no file. `precision`: what
    its weights are, "fp32", "int8", ...; `inputs`: name -> dtype and shape. `samples`: the latencies of `scenario`.
    `loads`: of the scenarios "server" and "offline" the tried rates or batches, one dict for each.

    `costs`: load time, memory, energy; `placement`: how many nodes ran on which device; `options`: what the provider
    was set to; `ceiling`: shares of what the machine can do at most; `profile`: time by node. Each None where it was
    not asked for. `record.schema.json` describes them for other programs.
    """

    name: str
    kind: str
    file: str | None
    sha256: str | None
    bytes: int | None
    device: str
    threads: int
    batch: int
    precision: str | None
    inputs: dict[str, str]
    samples: Samples
    scenario: str = "single-stream"
    loads: list[dict[str, Any]] = field(default_factory=list)
    costs: dict[str, Any] | None = None
    placement: dict[str, int] | None = None
    options: dict[str, dict[str, str]] | None = None
    ceiling: dict[str, Any] | None = None
    profile: dict[str, Any] | None = None
    notes: list[Note] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Give the entry as JSON-ready values, raw times included."""
        told = {key: value for key, value in vars(self).items() if key not in ("samples", "notes")}
        notes = [note.to_dict() for note in self.notes]
        return {**told, "summary": self.samples.summary(), **self.samples.to_dict(), "notes": notes}

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> Entry:
        """Read what `to_dict` gave; the summary is told anew from the times."""
        values = {key: said[key] for key in cls.__dataclass_fields__ if key in said}
        values |= {"samples": Samples.from_dict(said["name"], said)}
        values["notes"] = [Note(**note) for note in said.get("notes", [])]
        return cls(**({"kind": "onnx", "precision": None} | values))  # as schema 1 did not say


@dataclass(frozen=True)
class Record:
    """One measurement of one or more models, interleaved.

    `created`: ISO 8601. `machine`: `hardware.machine()`. `versions`: package -> version. `settings`: how long, how
    often and in what order was measured. `ceilings`: what the machine can do at most, by the number of
    threads; None where it was not measured.
    """

    created: str
    machine: dict[str, Any]
    versions: dict[str, str | None]
    settings: dict[str, Any]
    models: list[Entry]
    notes: list[Note]
    ceilings: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the record as JSON-ready values."""
        lists = {"models": [entry.to_dict() for entry in self.models], "notes": [note.to_dict() for note in self.notes]}
        return {"schema": SCHEMA, **vars(self), **lists}

    def write(self, path: Path) -> None:
        """Write the record to `path` in one step, without room between the raw times: they are nearly all of it."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        files.write_text(path, text + "\n")

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read a record; DataError where it is missing, damaged, something else, or of a newer schema."""
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f'there is no record "{path}"', "edgekit bench writes one") from None
        except OSError as error:
            raise DataError(f'the record "{path}" cannot be read: {error.strerror}', "name a record's file") from None
        except ValueError as error:
            raise DataError(f'the record "{path}" cannot be read: {error}', _AGAIN) from None
        schema = said.get("schema") if isinstance(said, dict) else None
        if not isinstance(schema, int):
            raise DataError(f'"{path}" is not a record of edgekit bench: it has no "schema"')
        if schema > SCHEMA:
            raise DataError(
                f'the record "{path}" has schema {schema}; this edgekit reads up to {SCHEMA}',
                "pip install --upgrade edgekit-onnx",
            )
        try:
            if wrong := misfit(said, json_schema()):
                raise ValueError(wrong)
            values = {key: said[key] for key in cls.__dataclass_fields__ if key in said or key != "ceilings"}
            values["models"] = [Entry.from_dict(entry) for entry in said["models"]]
            values["notes"] = [Note(**note) for note in said["notes"]]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            why = str(error) if type(error) is ValueError else f"{type(error).__name__} {error}"
            raise DataError(f'the record "{path}" is damaged: {why}', _AGAIN) from None
        return cls(**values)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of records, for programs that read them."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("record.schema.json").read_text(encoding="utf-8"))
    return found
