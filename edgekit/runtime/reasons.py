"""What onnxruntime says when a model does not open, in edgekit's words. Imports errors alone.

onnxruntime's exceptions share no base class and carry source lines of its own; none of them is let through.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from _thread import allocate_lock
from collections.abc import Iterator

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
_SOURCE_LINE = r"\S+\.(?:cc|cpp|cuh?|h|hpp):\d+:? "
_UNKNOWN_OPTION = r'Unknown provider option: "([^"]+)"|Invalid \w+ EP option: (\w+)'
_one_listens = allocate_lock()  # threading.Lock, without the import
# What onnxruntime writes: a line, or, where it is coloured, all up to the end of the colour. Groups: its severity, and
# the text.
_WRITTEN = re.compile(
    r"(?P<colour>\x1b\[[\d;]+m)?[^\n\x1b]*\[(?P<severity>[A-Z]):onnxruntime:[^\]]*\] "
    r"(?P<text>(?(colour)(?:(?!\x1b).)*\x1b\[m|[^\n]*))\n?",
    re.DOTALL,
)


def reason(error: Exception | str) -> str:
    """Return what an onnxruntime exception says on one line, without its codes and source lines.

    What is longer than 300 characters keeps its end, where the cause stands: all after its last source line, if any.
    """
    text = " ".join(str(error).split())
    short = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |Exception from \S+:\d+: ", "", text)
    short = re.sub(r"/\S+:\d+ .*?\) (const )?", "", short, count=1)
    if len(short) > _LONGEST:
        short = re.split(_SOURCE_LINE, text)[-1]
    return short if len(short) <= _LONGEST else "..." + short[-_LONGEST:]


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


@contextlib.contextmanager
def listening() -> Iterator[list[str]]:
    """Keep back what onnxruntime writes to stderr in the block; once that has failed, the list holds its errors.

    Native code writes to the file descriptor, past `sys.stderr`, so that is turned aside for the whole process: only
    where a session is made for another device than the CPU, one at a time. What others write meanwhile comes out
    afterwards, and what onnxruntime wrote too where the block did not fail.
    """
    import tempfile

    said: list[str] = []
    with _one_listens, tempfile.TemporaryFile() as aside:
        try:
            kept = os.dup(2)
        except OSError:  # a process without a stderr
            yield said
            return
        os.dup2(aside.fileno(), 2)
        failed = True
        try:
            yield said
            failed = False
        finally:
            with contextlib.suppress(AttributeError, OSError, ValueError):
                sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            aside.seek(0)
            text = aside.read()
            if failed:
                errors, text = _sorted(text.decode(errors="replace"))
                said += errors
            os.write(2, text)


def _sorted(text: str) -> tuple[list[str], bytes]:
    """Return the errors among what onnxruntime wrote, and what others wrote."""
    errors = [found["text"] for found in _WRITTEN.finditer(text) if found["severity"] in "EF"]
    plain = [re.sub(r"\x1b\[m|\[(ERROR|OpenVINO)\] ", "", error) for error in errors]
    return list(dict.fromkeys(map(reason, plain))), _WRITTEN.sub("", text).encode()
