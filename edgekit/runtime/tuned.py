"""The session settings that `edgekit tune` found to be faster here: where they lie, what they may be, reading them.

One file for each model, processor, number of cores, version of onnxruntime and number of threads asked for: of another
combination nothing was measured, and nothing is set. What it holds under "ort_config" is what onnxruntime itself reads
from a model's metadata under that name (ORT_LOAD_CONFIG_FROM_MODEL=1): {"session_options": {name: number}}; beside it
stand the settings that onnxruntime takes by key. JSON is imported where there is a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from edgekit.runtime.threads import shared, usable

SCHEMA = 1
CONFIG, OPTIONS, ENTRIES = "ort_config", "session_options", "session_config_entries"

_MOST_THREADS = 1024
_MOST_ROWS = 65536
_LEVELS = {0: "no optimization", 1: "basic optimization", 2: "no optimized layout", 3: "layout level", 99: "all levels"}
_SWITCH = (0, 1)
# What may be set, by the names of onnxruntime.SessionOptions: nothing here changes what a model answers.
_VALUES: dict[str, Any] = {
    "intra_op_num_threads": range(1, _MOST_THREADS + 1),
    "inter_op_num_threads": range(1, _MOST_THREADS + 1),
    "execution_mode": _SWITCH,
    "graph_optimization_level": _LEVELS,
    "enable_cpu_mem_arena": _SWITCH,
    "enable_mem_pattern": _SWITCH,
}
_WORDS = {
    "session.intra_op.allow_spinning": {"0": "no spinning", "1": "spinning"},
    "session.inter_op.allow_spinning": {"0": "no spinning between operators", "1": "spinning between operators"},
    "session.dynamic_block_base": {str(size): f"blocks by {size}" for size in (2, 4, 8)},
}


class Tuned:
    """Settings of a session, by onnxruntime's own names, over those that edgekit chooses.

    `options`: of `onnxruntime.SessionOptions`; `entries`: of its `add_session_config_entry`. `threads`: how many that
    makes, None where they do not tell. `max_batch`: how many rows a Batcher joins, None for its own number. `said`:
    what came of the look-up, for people.
    """

    __slots__ = ("entries", "max_batch", "options", "said", "threads")

    def __init__(
        self,
        options: Mapping[str, int] | None = None,
        entries: Mapping[str, str] | None = None,
        said: str = "",
        threads: int | None = None,
        max_batch: int | None = None,
    ) -> None:
        self.options = options or {}
        self.entries = entries or {}
        self.said = said
        self.max_batch = max_batch
        self.threads = self.options.get("intra_op_num_threads", threads)

    def write(self, settings: Any) -> None:
        """Write them into `onnxruntime.SessionOptions`."""
        import onnxruntime as ort

        kinds: dict[str, Callable[[int], Any]] = {
            "execution_mode": ort.ExecutionMode,
            "graph_optimization_level": ort.GraphOptimizationLevel,
            "enable_cpu_mem_arena": bool,
            "enable_mem_pattern": bool,
        }
        for name, value in self.options.items():
            setattr(settings, name, kinds.get(name, int)(value))
        for name, text in self.entries.items():
            settings.add_session_config_entry(name, text)

    def __str__(self) -> str:
        said = [_word(name, value) for name, value in self.options.items()]
        said += [_WORDS[name][text] for name, text in self.entries.items()]
        return ", ".join(filter(None, said)) or "the default"


def place(folder: str, facts: Mapping[str, Any]) -> str:
    """Return the path of the file for what `facts` tells of here; `folder` is the model's own."""
    threads = facts["threads"] or "all"
    name = f"{facts['onnxruntime']}-{facts['processor']}-{facts['cores']}-cores-{threads}-threads.json"
    return os.path.join(folder, "".join(c if c.isalnum() or c in "-.+" else "_" for c in name))


def facts(threads: int | None) -> dict[str, Any]:
    """Tell what settings depend on beside the model; `threads`: how many were asked for, None for every processor.

    One thread runs on one core, however many there are: they need not be counted then, which would take a while.
    """
    import onnxruntime

    processor, features = _processor()
    return {
        "onnxruntime": onnxruntime.__version__,
        "processor": processor,
        "features": features,
        "cores": 1 if threads == 1 else usable(),
        "threads": threads,
    }


def look_up(folder: str, model: str, threads: int | None) -> Tuned | None:
    """Return what lies in a model's folder for it, by its SHA-256; None where it was not tuned for this.

    A file that cannot be used sets nothing, and `said` tells why: it never keeps a model from being opened. Nothing
    is set either where the sessions of the process share their threads.
    """
    if shared():
        return None
    here = facts(threads)
    path = place(folder, here)
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        return _ignored(path, f"cannot be read: {error}")
    return read(text, path, {"model": model, **here})


def read(text: str, path: str, expected: Mapping[str, Any]) -> Tuned:
    """Read a file's text; what it says of model and machine must be as `expected`."""
    import json

    try:
        said = json.loads(text)
        if said["schema"] != SCHEMA:
            return _ignored(path, f"has schema {said['schema']!r}, and this edgekit reads {SCHEMA}")
        if said["of"] != expected:
            other = [name for name, value in expected.items() if said["of"].get(name) != value]
            return _ignored(path, f"is of another {' and '.join(other)}")
        options, entries = said[CONFIG][OPTIONS], said[ENTRIES]
        fits = all(type(value) is int and value in _VALUES[name] for name, value in options.items())
        if not fits or not all(text in _WORDS[name] for name, text in entries.items()):
            raise ValueError
        rows = said["max_batch"]
        if rows is not None and (type(rows) is not int or not 0 < rows <= _MOST_ROWS):
            raise ValueError
        tuned = Tuned(options, entries, threads=expected["threads"] or expected["cores"], max_batch=rows)
        gain = f" ({said['speedup']['ratio']:.2f}× the speed of the default at batch {said['batch']:d})"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _ignored(path, "is damaged")
    joined = f", a Batcher joins {rows} rows" if rows else ""
    tuned.said = f"tuned: {tuned}{gain if options or entries else ''}{joined}"
    return tuned


def _ignored(path: str, why: str) -> Tuned:
    return Tuned(said=f'tuning ignored: "{path}" {why}; edgekit tune writes it anew')


def _word(name: str, value: int) -> str:
    if name == "intra_op_num_threads":
        return "1 thread" if value == 1 else f"{value} threads"
    if name == "inter_op_num_threads":
        return f"{value} operators at once"
    if name == "execution_mode":
        return "parallel execution" if value else ""
    if name == "graph_optimization_level":
        return _LEVELS[value]
    return ("" if value else "no ") + {"enable_cpu_mem_arena": "arena", "enable_mem_pattern": "memory pattern"}[name]


def _processor() -> tuple[str, str]:
    """Return this processor's number, and what it can do: by the first of all that /proc/cpuinfo tells."""
    try:
        with open("/proc/cpuinfo", "rb") as stream:
            first = stream.read(4096).partition(b"\n\n")[0].decode("ascii", "replace")
    except OSError:
        first = ""
    told: dict[str, str] = {}
    for line in first.splitlines():
        key, _, value = line.partition(":")
        told[key.strip()] = value.strip()
    number = [told[key] for key in ("cpu family", "model", "stepping", "CPU part", "CPU variant") if key in told]
    features = " ".join(told[key] for key in ("model name", "cache size", "flags", "Features") if key in told)
    if number:
        return ".".join(number), features
    system = os.uname() if hasattr(os, "uname") else None
    return (system.machine if system else os.environ.get("PROCESSOR_IDENTIFIER", "unknown")), features
