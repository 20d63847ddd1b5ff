"""From a device to what onnxruntime is asked for, after every look that can be taken before a session is made.

onnxruntime alone falls back to the CPU without a word, and the list of what a build offers proves nothing: the GPU
build lists CUDA on machines that have none. "cuda" and "tensorrt" have not been run on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.errors import DeviceError
from edgekit.extras import need
from edgekit.runtime.devices import engines, libraries, nvidia, options, plugins
from edgekit.runtime.devices.naming import PROVIDER_OF, Device, Request
from edgekit.runtime.devices.shapes import Range, profile, settled
from edgekit.signature import Tensor

ort = need("onnxruntime", "running a model")


def offered(device: Device) -> bool:
    """Say whether this onnxruntime, or a plugin, has the provider; that it loads and runs is another matter."""
    return _built_in(device) or device.kind in plugins.names()


def check(device: Device) -> str | None:
    """Raise DeviceError where it can be told, without a model, that `device` will not run.

    Return the provider that is built in, None where a plugin brings it.
    """
    if not _built_in(device):
        if device.kind in plugins.names():
            plugins.find(device)
            return None
        raise _absent(device)
    if said := libraries.trouble(ort, device.kind):
        hint = libraries.advice(said) or 'see that all of it is installed, or ask for device "cpu"'
        raise DeviceError(f'asked for device "{device}", but its provider does not load: {said}', hint)
    if device.kind in ("cuda", "tensorrt"):
        found = nvidia.gpus()
        if device.number >= len(found):
            told = ", ".join(f"{device.kind}:{index} ({gpu})" for index, gpu in enumerate(found))
            raise DeviceError(f'there is no device "{device}": the driver shows {told}')
    return PROVIDER_OF[device.kind]


def request(
    device: Device,
    source: str | bytes,
    given: Mapping[str, object] | None,
    *,
    threads: int,
    inputs: Sequence[Tensor] | None,
    shapes: Mapping[str, Range] | None,
    max_batch: int | None,
    cuda_helps: bool,
) -> Request:
    """Return what to ask onnxruntime for; DeviceError where `device` will not run.

    `given`: the caller's options. `inputs`: what the model takes, where that is known before it is opened. `shapes`,
    or else `max_batch`: what TensorRT builds for. `cuda_helps`: whether CUDA may run what TensorRT cannot.
    """
    mine = options.written(given)
    provider = check(device)
    options.check(device, mine, inputs, plugin=provider is None)
    if provider is None:
        name, found = plugins.find(device)
        ours = options.openvino_plugin(device, mine, threads) if device.kind == "openvino" else mine
        return Request(name, None, (found, ours))
    if device.kind == "cuda":
        return Request(provider, [(provider, options.cuda(device, mine, inputs))], graphs=options.graphs(mine))
    if device.kind == "tensorrt":
        profiles = profile(inputs, settled(shapes, max_batch, inputs)) if inputs is not None else {}
        kept = _engines(device, source, mine, profiles)
        asked = [(provider, options.tensorrt(device, mine, kept))]
        if cuda_helps and PROVIDER_OF["cuda"] in ort.get_available_providers():
            asked.append((PROVIDER_OF["cuda"], options.cuda(device, {}, inputs)))
        return Request(provider, asked)
    if device.kind == "openvino":
        return Request(provider, [(provider, options.openvino(device, mine, threads))])
    return Request(provider, [(provider, {})])


def _engines(device: Device, source: str | bytes, mine: Mapping[str, str], profiles: dict[str, str]) -> dict[str, str]:
    """Return TensorRT's options for its caches and profiles."""
    facts = {
        "onnxruntime": ort.__version__,
        "tensorrt": nvidia.tensorrt_version(),
        "driver": nvidia.driver_version(),
        "gpu": str(nvidia.gpus()[device.number]),
        **profiles,
    }
    return {**engines.cache(source, facts, mine), **profiles}


def _built_in(device: Device) -> bool:
    return PROVIDER_OF.get(device.kind) in ort.get_available_providers() and not plugins.registered(device.kind)


def _absent(device: Device) -> DeviceError:
    """Return the error for a provider this onnxruntime was built without."""
    from edgekit.runtime.devices import wheels

    there, wanted = wheels.installed(), wheels.WHEEL_OF[device.kind]
    if len(there) > 1:
        return DeviceError(
            f'asked for device "{device}", but {wheels.tell(there)} are both installed and write the same files: '
            f"what is left of them offers only: {_known()}",
            wheels.mend(there, wanted),
        )
    fix = f"{wheels.mend(there, wanted)} (it brings {wanted})"
    if device.kind == "openvino" and plugins.supported(ort):
        fix = "pip install onnxruntime-ep-openvino (a plugin for the onnxruntime that is here)"
    told = f'asked for device "{device}", but this onnxruntime offers only: {_known()}'
    return DeviceError(told, f'{fix}, or ask for device "cpu"')


def _known() -> str:
    there = ort.get_available_providers()
    return ", ".join(kind for kind, provider in PROVIDER_OF.items() if provider in there)
