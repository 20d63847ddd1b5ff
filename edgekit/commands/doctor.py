"""edgekit doctor: what works here, what does not, and what to do about it. Imports typer alone until it runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import typer

_OLDEST_RUNTIME = (1, 20)
EXTRAS = ("tools", "images", "text", "train", "hf")
_LITTLE_ROOM = 2_000_000_000  # bytes: a run's checkpoints and caches, with room to spare
# The smallest model there is, in ONNX's own text.
_TINY = '<ir_version: 8, opset_import: ["": 17]> tiny (float[1] x) => (float[1] y) { y = Identity(x) }'


class Check(NamedTuple):
    """One thing looked at: `found` says how it is, `advice` what to do where it is not well."""

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    advice: str | None = None


def command(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Look at this machine and installation, and say what to do where something is missing.

    Ends with exit code 1 where a check fails; a warning is about something that only some verbs need.

    Example: edgekit doctor
    """
    from edgekit import console, hardware

    checks = examine()
    failed = any(check.status == "fail" for check in checks)
    if as_json:
        told = [check._asdict() for check in checks]
        console.result({"ok": not failed, "checks": told, "machine": hardware.machine()})
    else:
        rows = [
            [check.name, check.status, check.found + (f"\n→ {check.advice}" if check.advice else "")]
            for check in checks
        ]
        console.table(["check", "", "what was found, and what to do"], rows, left=3)
    if failed:
        raise typer.Exit(1)


def examine() -> list[Check]:
    """Make every check, in the order a person would."""
    import sys

    from edgekit import files, hardware
    from edgekit.extras import EXTRA_OF, missing
    from edgekit.runtime.devices import wheels

    return [
        python(sys.version_info[:3]),
        runtime_wheels(wheels.installed()),
        *devices(),
        *(extra(name, missing([m for m, x in EXTRA_OF.items() if x == name])) for name in EXTRAS),
        torch(hardware.versions(["torch"])["torch"]),
        processor(hardware.machine(), hardware.saturates_int8()),
        cores(hardware.machine()),
        disk(files.home()),
        *data(),
    ]


def python(version: tuple[int, ...]) -> Check:
    """Judge the version of Python."""
    told = ".".join(map(str, version))
    if version < (3, 11):
        return Check("python", "fail", told, "edgekit needs Python 3.11 or newer")
    return Check("python", "ok", told)


def runtime_wheels(wheels: dict[str, str]) -> Check:
    """Judge which distributions bring the module onnxruntime, by their versions: one of them, and new enough."""
    from edgekit.runtime.devices.wheels import install, mend, tell

    if not wheels:
        return Check("onnxruntime", "fail", "not installed", mend(wheels))
    if len(wheels) > 1:
        clash = f"{tell(wheels)} write the same files, and the last one installed wins"
        return Check("onnxruntime", "fail", clash, mend(wheels))
    numbers = next(iter(wheels.values())).split(".")[:2]
    if tuple(int(part) if part.isdecimal() else 0 for part in numbers) < _OLDEST_RUNTIME:
        oldest = ".".join(map(str, _OLDEST_RUNTIME))
        line = install(next(iter(wheels))).replace("install", "install --upgrade", 1)
        return Check("onnxruntime", "fail", f"{tell(wheels)}, older than {oldest}", line)
    return Check("onnxruntime", "ok", tell(wheels))


def devices() -> list[Check]:
    """Open a tiny model on every device this onnxruntime offers: what a build lists need not come up."""
    from edgekit.errors import EdgekitError, MissingExtra
    from edgekit.extras import need

    try:
        offered: list[str] = need("onnxruntime", "running a model").get_available_providers()
        from edgekit.runtime.devices.naming import parse
        from edgekit.runtime.devices.providers import offered as is_offered
        from edgekit.runtime.session import open_session
    except MissingExtra as error:
        return [Check("devices", "fail", str(error), error.hint)]
    except (ImportError, AttributeError) as error:  # a shell of a package stays where one of two wheels was removed
        line = 'pip install --force-reinstall "edgekit-onnx[cpu]"'
        return [Check("devices", "fail", f"onnxruntime is installed, and does not load: {error}", line)]
    try:
        need("onnx", "trying a device")
    except MissingExtra as error:
        told = f"offered: {', '.join(offered)}; not tried, for the tiny model of the trial needs onnx"
        return [Check("devices", "warn", told, error.hint)]
    from onnx import parser

    tiny = parser.parse_model(_TINY).SerializeToString()
    checks = []
    for device in ("cpu", "cuda", "tensorrt", "openvino"):
        if not is_offered(parse(device)):
            continue  # and not missed
        try:
            open_session(tiny, device=device, threads=1)
            checks.append(Check(f"device {device}", "ok", "offered, and comes up"))
        except EdgekitError as error:
            status: Literal["warn", "fail"] = "fail" if device == "cpu" else "warn"
            checks.append(Check(f"device {device}", status, f"offered, but {error}", error.hint))
    return checks


def extra(name: str, absent: list[str]) -> Check:
    """Judge whether the packages of an extra are there."""
    if absent:
        return Check(
            f"extra {name}", "warn", f"not installed: {', '.join(absent)}", f'pip install "edgekit-onnx[{name}]"'
        )
    return Check(f"extra {name}", "ok", "all installed")


def torch(version: str | None) -> Check:
    """Judge whether there is PyTorch, by its metadata: importing it takes seconds."""
    if version is None:
        return Check("torch", "warn", "not installed: distill and train need it", 'pip install "edgekit-onnx[train]"')
    return Check("torch", "ok", version)


def processor(machine: dict[str, Any], saturates: bool) -> Check:
    """Say what the processor can do, and what that means for int8."""
    import textwrap

    flags = set(machine["flags"])
    if saturates:
        kind = "int8 without VNNI: sums may saturate, so edgekit quantizes weights to 7 bits here"
    elif flags & {"avx_vnni", "avx512_vnni", "asimddp"}:
        kind = "int8 with " + ("dot products" if "asimddp" in flags else "VNNI") + ", full range"
    else:
        kind = "int8 without special instructions, full range"
    known = textwrap.fill(", ".join(machine["flags"]), 72)
    return Check("processor", "ok", f"{machine['cpu']} ({machine['architecture']}); {kind}\n{known}")


def cores(machine: dict[str, Any]) -> Check:
    """Judge how many cores may be used."""
    told = f"{machine['usable_cores']:g} usable of {machine['cores']}"
    if machine["usable_cores"] < 1:
        return Check(
            "cores", "warn", told, "give the container a whole core: below it every latency shows the throttling"
        )
    return Check("cores", "ok", told)


def disk(home: Any) -> Check:
    """Judge whether edgekit's home (a Path) can be written, and how much room there is."""
    import shutil
    import tempfile

    from edgekit import console, files
    from edgekit.errors import StorageError

    try:
        with files.disk_errors(home):
            home.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=home):
                free = shutil.disk_usage(home).free
    except (StorageError, OSError) as error:
        return Check("disk", "fail", str(error), "set EDGEKIT_HOME to a folder of your own")
    told = f"{console.size(free)} free, {home} can be written"
    if free < _LITTLE_ROOM:
        return Check("disk", "warn", told, "edgekit clean shows what may go, or set EDGEKIT_HOME to another disk")
    return Check("disk", "ok", told)


def data() -> list[Check]:
    """Say which of the shipped recipes' data sets are here."""
    from edgekit import files
    from edgekit.data.sources import fashion_mnist, idx
    from edgekit.extras import missing

    checks = [
        Check("data digits", "warn", "needs scikit-learn", 'pip install "edgekit-onnx[train]"')
        if missing(["sklearn"])
        else Check("data digits", "ok", "comes with scikit-learn")
    ]
    folders = [files.data_home() / "fashion-mnist", fashion_mnist.DEBIAN]
    names = [name for pair in idx.FILES for name in pair]
    found = next((folder for folder in folders if all(idx.find(folder, name) for name in names)), None)
    if found:
        return [*checks, Check("data fashion-mnist", "ok", str(found))]
    told = f"neither in {' nor in '.join(map(str, folders))}"
    return [*checks, Check("data fashion-mnist", "warn", told, fashion_mnist.INSTALL)]
