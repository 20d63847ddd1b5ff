"""The record of a measurement: the machine, the settings, and every raw time, in one JSON file of schema 1.

Whatever is told later (other percentiles, other comparisons, other machines beside it) is told from the raw times
again. Written in one step, so that a record is whole or not there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import files
from edgekit.errors import DataError
from edgekit.latency.notes import Note
from edgekit.latency.samples import Samples

SCHEMA = 1
_AGAIN = "measure again, or copy the record again from where it was made"


@dataclass(frozen=True)
class Entry:
    """What was measured of one model: the file and its SHA-256, where and how it ran, and its times."""

    file: str
    sha256: str
    bytes: int
    device: str
    threads: int
    batch: int
    inputs: dict[str, str]
    samples: Samples

    @property
    def name(self) -> str:
        """The name of the model in this record."""
        return self.samples.name

    def to_dict(self) -> dict[str, Any]:
        """Give the entry as JSON-ready values, raw times included."""
        told = {key: value for key, value in vars(self).items() if key != "samples"}
        return {
            "name": self.name,
            **told,
            "summary": self.samples.summary(),
            "settled": self.samples.settled,
            "times_ns": self.samples.times_ns.tolist(),
            "rounds": self.samples.rounds.tolist(),
        }

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> Entry:
        """Read what `to_dict` gave; the summary is told anew from the times."""
        times, rounds = np.array(said["times_ns"], np.int64), np.array(said["rounds"], np.int32)
        samples = Samples(said["name"], times, rounds, said["settled"])
        return cls(**{key: said[key] for key in cls.__dataclass_fields__ if key != "samples"}, samples=samples)


@dataclass(frozen=True)
class Record:
    """One measurement of one or more models, interleaved.

    `created`: ISO 8601. `machine`: `hardware.machine()`. `versions`: package -> version. `settings`: the scenario, and
    how long, how often and in what order was measured.
    """

    created: str
    machine: dict[str, Any]
    versions: dict[str, str | None]
    settings: dict[str, Any]
    models: list[Entry]
    notes: list[Note]

    def to_dict(self) -> dict[str, Any]:
        """Give the record as JSON-ready values."""
        lists = {"models": [entry.to_dict() for entry in self.models], "notes": [note.to_dict() for note in self.notes]}
        return {"schema": SCHEMA, **vars(self), **lists}

    def write(self, path: Path) -> None:
        """Write the record to `path` in one step."""
        files.write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read a record; DataError where it is missing, damaged, something else, or of a newer schema."""
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f'there is no record "{path}"', "edgekit bench writes one") from None
        except (OSError, ValueError) as error:
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
            values = {key: said[key] for key in cls.__dataclass_fields__}
            values["models"] = [Entry.from_dict(entry) for entry in said["models"]]
            values["notes"] = [Note(**note) for note in said["notes"]]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f'the record "{path}" is damaged: {type(error).__name__} {error}', _AGAIN) from None
        return cls(**values)
