"""What onnxruntime says when a model does not open, in edgekit's words. Imports errors alone.

onnxruntime's exceptions share no base class and carry source lines of its own; none of them is let through.
"""

from __future__ import annotations

import re

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
