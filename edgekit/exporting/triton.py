"""A model's `config.pbtxt` for Triton's onnxruntime backend, and so for what speaks KServe's v2 protocol. No torch.

Written as text after the published schema (`model_config.proto`), which `tritonclient` carries: where it is installed,
`check` reads the text back by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import util
from pathlib import Path
from typing import Any

from edgekit.errors import ExportError, UsageError, nearest
from edgekit.runtime.states import states
from edgekit.signature import Tensor

_TYPES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "int8": "INT8",
    "int16": "INT16", "int32": "INT32", "int64": "INT64", "float16": "FP16", "float32": "FP32", "float64": "FP64",
    "string": "STRING",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_IDLE_US = 60_000_000  # a conversation that nobody goes on with for a minute is forgotten


@dataclass(frozen=True)
class Serving:
    """How a server is to run a model.

    `device`: cpu, cuda, cuda:0,1 or tensorrt (also with numbers). `instances`: copies on each device. `threads`: of an
    instance on the cpu, 0 leaves that to onnxruntime. `delay_us`: how long a request may wait for others to share a
    batch of at most `max_batch`. `keep`: the newest versions that are served. `version`: 0 is the next one.
    """

    name: str = ""
    device: str = "cpu"
    instances: int = 1
    threads: int = 1
    max_batch: int = 32
    delay_us: int = 100
    version: int = 0
    keep: int = 1

    @classmethod
    def parse(cls, said: Mapping[str, Any]) -> Serving:
        """Read what a person said, by name; UsageError for what is no setting, or not of its range."""
        known = {field.name: type(field.default) for field in fields(cls)}
        for name, value in said.items():
            if name not in known:
                near = nearest(name, list(known))
                raise UsageError(
                    f'there is no setting "{name}" of a server',
                    f'did you mean "{near}"?' if near else f"one of {', '.join(known)}",
                )
            least = 0 if name in ("threads", "delay_us", "version") else 1
            if known[name] is int and (type(value) is not int or value < least):
                raise UsageError(f"{name}={value} is no whole number from {least} on")
        values: dict[str, Any] = {name: v if known[name] is int else str(v) for name, v in said.items()}
        serving = cls(**values)
        serving.place()
        if serving.name:
            check_name(serving.name)
        return serving

    def place(self) -> tuple[str, list[int]]:
        """Return the kind of device and the numbers of GPUs: none where the server may choose."""
        kind, _, numbers = self.device.partition(":")
        chosen = [part.strip() for part in numbers.split(",")] if numbers else []
        if kind not in ("cpu", "cuda", "tensorrt") or not all(part.isdecimal() for part in chosen):
            raise UsageError(f'a server has no device "{self.device}"', "cpu, cuda, cuda:0,1, tensorrt or tensorrt:0")
        if kind == "cpu" and chosen:
            raise UsageError("the cpu has no number", "write device=cpu, and instances=2 for two copies")
        return kind, [int(part) for part in chosen]


def check_name(name: str) -> str:
    """Return a name that a server can have in its folders and addresses; UsageError for others."""
    if not _NAME.fullmatch(name):
        hint = "--serve name=NAME: letters, digits, hyphens, dots and underscores, of which a letter or digit begins"
        raise UsageError(f'"{name}" cannot name a model', hint)
    return name


@dataclass(frozen=True)
class Warmup:
    """A request that a version answers before it is served: raw files by input, or zeros where there is none."""

    shapes: Mapping[str, Sequence[int]]
    files: Mapping[str, str]


def batched(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
    """Tell whether a server may put requests together: every input and output begins with one and the same name."""
    first = {tensor.shape[0] if tensor.shape else None for tensor in (*inputs, *outputs)}
    return len(first) == 1 and isinstance(next(iter(first)), str)


def config(
    serving: Serving, inputs: Sequence[Tensor], outputs: Sequence[Tensor], labels: Sequence[str], warmup: Warmup,
    joins: bool = True,
) -> str:  # fmt: skip
    """Write the configuration; `labels` are those of outputs whose last dimension counts them.

    `joins` False: requests are not put together, though they begin with the same dimension.
    """
    together = batched(inputs, outputs)
    kept = states(inputs, outputs)
    asked = [tensor for tensor in inputs if tensor.name not in kept]
    told = [tensor for tensor in outputs if tensor.name not in kept.values()]
    parts = [
        f"name: {_text(serving.name)}",
        'backend: "onnxruntime"',
        f"max_batch_size: {serving.max_batch if together else 0}",
        *(_block("input", _tensor(each, together)) for each in asked),
        *(_block("output", _tensor(each, together) + _labelled(each, labels)) for each in told),
        _block("version_policy", [_block("latest", [f"num_versions: {serving.keep}"])]),
        _instances(serving),
    ]
    if kept:
        by_name = {tensor.name: tensor for tensor in inputs}
        parts.append(_sequences([(by_name[name], then) for name, then in kept.items()], serving, together))
    elif together and joins:
        parts.append(_block("dynamic_batching", [f"max_queue_delay_microseconds: {serving.delay_us}"]))
    parts += _warmups(asked, warmup, serving, together, bool(kept))
    kind, _ = serving.place()
    if kind == "cpu" and serving.threads:
        value = _block("value", [f"string_value: {_text(str(serving.threads))}"])
        parts.append(_block("parameters", ['key: "intra_op_thread_count"', value]))
    if kind == "tensorrt":
        chosen = _block("gpu_execution_accelerator", ['name: "tensorrt"', *_profiles(serving, inputs, together)])
        parts.append(_block("optimization", [_block("execution_accelerators", [chosen])]))
    return "\n".join(parts) + "\n"


def schema() -> Any | None:
    """Return the classes of the published schema; None where `tritonclient` is not installed."""
    found = util.find_spec("tritonclient")
    for folder in (found.submodule_search_locations or ()) if found else ():
        file = Path(folder) / "grpc" / "model_config_pb2.py"
        # By its file: the package around it asks for grpc.
        if file.is_file() and (spec := util.spec_from_file_location("model_config_pb2", file)) and spec.loader:
            module = util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return None


def check(text: str) -> bool:
    """Read the configuration by the published schema; False where it is not here, ExportError where it does not fit."""
    known = schema()
    if known is None:
        return False
    from google.protobuf import text_format

    try:
        text_format.Parse(text, known.ModelConfig())
    except text_format.ParseError as error:
        raise ExportError(f"the configuration is not what Triton reads: {error}") from None
    return True


def _tensor(tensor: Tensor, together: bool) -> list[str]:
    dims = [dim if isinstance(dim, int) else -1 for dim in (tensor.shape[1:] if together else tensor.shape)]
    lines = [f"name: {_text(tensor.name)}", f"data_type: TYPE_{_TYPES[tensor.dtype]}", f"dims: {dims or [1]}"]
    # A shape of nothing but the batch cannot be written: the server is told 1, and gives it to the model without.
    # Where there is no batch, a single value is [1] to the server, and it refuses an empty shape.
    return [*lines, _block("reshape", ["shape: []"])] if together and not dims else lines


def _labelled(tensor: Tensor, labels: Sequence[str]) -> list[str]:
    named = labels and tensor.shape and tensor.shape[-1] == len(labels)
    return ['label_filename: "labels.txt"'] if named else []


def _profiles(serving: Serving, inputs: Sequence[Tensor], together: bool) -> Iterator[str]:
    """Say the sizes engines are built for, where the batch alone is open: else each new batch waits for its own."""
    if together and all(isinstance(dim, int) for tensor in inputs for dim in tensor.shape[1:]):
        for which, rows in (("min", 1), ("opt", serving.max_batch), ("max", serving.max_batch)):
            shapes = ",".join(f"{each.name}:{'x'.join(map(str, [rows, *each.shape[1:]]))}" for each in inputs)
            yield _block("parameters", [f'key: "trt_profile_{which}_shapes"', f"value: {_text(shapes)}"])


def _instances(serving: Serving) -> str:
    kind, numbers = serving.place()
    lines = [f"count: {serving.instances}", f"kind: KIND_{'CPU' if kind == 'cpu' else 'GPU'}"]
    return _block("instance_group", [*lines, *([f"gpus: {numbers}"] if numbers else [])])


def _sequences(kept: Sequence[tuple[Tensor, str]], serving: Serving, together: bool) -> str:
    """Have the server keep the states of every conversation, from zeros on."""
    lines = [f"max_sequence_idle_microseconds: {_IDLE_US}"]
    strategy = [f"max_candidate_sequences: {serving.max_batch}", f"max_queue_delay_microseconds: {serving.delay_us}"]
    lines.append(_block("oldest", strategy))
    for tensor, then in kept:
        dims = [dim if isinstance(dim, int) else -1 for dim in (tensor.shape[1:] if together else tensor.shape)]
        kind = f"data_type: TYPE_{_TYPES[tensor.dtype]}"
        first = [kind, f"dims: {[max(dim, 1) for dim in dims]}", "zero_data: true", 'name: "zeros"']
        begin = _block("initial_state", first)
        names = [f"input_name: {_text(tensor.name)}", f"output_name: {_text(then)}"]
        lines.append(_block("state", [*names, kind, f"dims: {dims}", begin]))
    return _block("sequence_batching", lines)


def _warmups(
    asked: Sequence[Tensor], warmup: Warmup, serving: Serving, together: bool, stateful: bool
) -> Iterator[str]:
    """Ask alone, and as many together as may be: the first call of a batch takes the longest."""
    # A conversation's first request needs a flag that a warm-up cannot give.
    for size in () if stateful else sorted({1, serving.max_batch}) if together else (1,):
        what = "real" if warmup.files else "zeros"
        lines = [f"name: {_text(f'{what}, {size} at once')}", f"batch_size: {size}"]
        for tensor in asked:
            dims = list(warmup.shapes[tensor.name]) or [1]
            file = warmup.files.get(tensor.name)
            data = f"input_data_file: {_text(file)}" if file else "zero_data: true"
            value = _block("value", [f"data_type: TYPE_{_TYPES[tensor.dtype]}", f"dims: {dims}", data])
            lines.append(_block("inputs", [f"key: {_text(tensor.name)}", value]))
        yield _block("model_warmup", lines)


def _block(name: str, lines: Sequence[str]) -> str:
    inner = "\n".join(f"  {line}" for each in lines for line in each.splitlines())
    return f"{name} {{\n{inner}\n}}"


def _text(value: str) -> str:
    return json.dumps(value)
