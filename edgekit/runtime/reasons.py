"""What onnxruntime says when a model does not open, in edgekit's words. Imports errors alone.

onnxruntime's exceptions share no base class and carry source lines of its own; none of them is let through.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from _thread import allocate_lock
from collections.abc import Callable

from edgekit.errors import BundleError

_UPGRADE = "upgrade onnxruntime, or export the model for an older one"
_COPY = "copy it again from where it was made"
# What onnxruntime's message looks like -> what is said instead, with the parts that were found, and what to do.
_KNOWN = [
    (r"IR version: (\d+), max supported IR version: (\d+)", "has IR version {}; {runtime} reads up to {}", _UPGRADE),
    (r"Opset (\d+) is under development.* is till opset (\d+)", "uses opset {}; {runtime} reads up to {}", _UPGRADE),
    (r"No Op registered for (\S+)", 'uses the operator "{}", which {runtime} does not have', _UPGRADE),
    (r"error: (\S+?)\(-?\d+\) is not a regist", 'uses the operator "{}", which {runtime} does not have', _UPGRADE),
    (r"Could not find an implementation for (\S+?)\(", 'uses the operator "{}", which {runtime} cannot run', _UPGRADE),
    (r"rotobuf parsing failed|No graph was|not have a graph|codec can", "is damaged, or no ONNX file at all", _COPY),
]
_LONGEST = 300
_UNKNOWN_OPTION = r'Unknown provider option: "([^"]+)"|Invalid \w+ EP option: (\w+)'
_one_listens = allocate_lock()  # threading.Lock, without the import
_ERROR_LINE = r"\[E:onnxruntime:[^\]]*\] (.*)"


def reason(error: Exception) -> str:
    """Return the message of an onnxruntime exception on one line, without its codes and source lines."""
    text = " ".join(str(error).split())
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"/\S+:\d+ .*?\) (const )?", "", text, count=1)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def refusal(name: str, error: Exception, version: str) -> BundleError:
    """Return the BundleError to raise for `error`, met by onnxruntime `version` when it opened the model `name`."""
    text = " ".join(str(error).split())
    for pattern, said, hint in _KNOWN:
        if found := re.search(pattern, text):
            return BundleError(f"{name} {said.format(*found.groups(), runtime=f'onnxruntime {version}')}", hint)
    return BundleError(f"{name} does not open: {reason(error)}")


def unknown_option(error: Exception) -> str | None:
    """Return the name of the option that a provider refused, if that is what `error` says."""
    found = re.search(_UNKNOWN_OPTION, str(error))
    return (found[1] or found[2]) if found else None


def heard(action: Callable[[], object]) -> str:
    """Run `action` and return the errors that onnxruntime wrote to stderr meanwhile, without the rest of their lines.

    Native code writes to the file descriptor, past `sys.stderr`, so that is turned aside for the whole process: only
    for moments, and only where something has failed already. What others write meanwhile comes out afterwards.
    """
    import tempfile

    with _one_listens, tempfile.TemporaryFile() as aside:
        try:
            kept = os.dup(2)
        except OSError:
            return ""  # a process without a stderr
        os.dup2(aside.fileno(), 2)
        try:
            with contextlib.suppress(Exception):
                action()
        finally:
            with contextlib.suppress(AttributeError, OSError, ValueError):
                sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
        aside.seek(0)
        text = aside.read()
    plain = re.sub(r"\x1b\[[\d;]*m", "", text.decode(errors="replace"))
    said: dict[str, None] = {}
    others = []
    for line in plain.splitlines():
        if found := re.search(_ERROR_LINE, line):
            said[re.sub(r"\[(ERROR|OpenVINO)\] ", "", reason(Exception(found[1])))] = None
        elif line.strip() and ":onnxruntime:" not in line:
            others.append(line + "\n")
    os.write(2, "".join(others).encode())
    return "; ".join(said)
