"""What machine is this: processor and its instructions, cores that may be used, memory, GPUs, installed wheels.

Standard library alone, and nothing of edgekit. Linux is read exactly; elsewhere what cannot be found is None or
empty, and nothing raises.
"""

from __future__ import annotations

import functools
import os
import platform
import re
from collections.abc import Iterable
from typing import Any

# The instructions that decide how fast, and how exactly, a small model runs.
_FLAGS = (
    "sse4_2", "avx", "f16c", "fma", "avx2", "avx512f", "avx512bw", "avx_vnni", "avx512_vnni", "avx512_bf16",
    "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16",
    "neon", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme",
)  # fmt: skip
_X86 = ("x86_64", "amd64", "i386", "i686")
_WHEELS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")


@functools.cache
def machine() -> dict[str, Any]:
    """Describe this machine: JSON-ready values, the same for as long as the process lives."""
    cpu = _cpu()
    return {
        "cpu": cpu["name"],
        "architecture": platform.machine(),
        "flags": cpu["flags"],
        "cores": cpu["cores"] or os.cpu_count() or 1,
        "usable_cores": usable_cores(),
        "memory_bytes": _memory(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or None,
        "gpus": _gpus("/proc/driver/nvidia/gpus"),
    }


def usable_cores() -> float:
    """Return how many cores this process may keep busy: its affinity, and no more than its cgroup's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(_read("/proc/self/cgroup"), "/sys/fs/cgroup")
    return min(float(allowed), quota) if quota else float(allowed)


def free_memory() -> int | None:
    """Return how many bytes a program may still take without swapping, within its cgroup; None where unknown."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _read("/proc/meminfo"), re.M)
    if not found:
        return None
    return min([1024 * int(found[1]), *cgroup_memory(_read("/proc/self/cgroup"), "/sys/fs/cgroup")])


def load_average() -> float | None:
    """Return how many programs wanted a core over the last minute; None where the system does not tell."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def saturates_int8() -> bool:
    """Tell whether uint8 x int8 products of full range saturate here: x86 without VNNI adds them in 16 bits."""
    architecture, flags = platform.machine().lower(), _cpu()["flags"]
    return architecture in _X86 and not {"avx_vnni", "avx512_vnni"} & set(flags)


def versions(packages: Iterable[str]) -> dict[str, str | None]:
    """Return the installed version of each distribution, None where it is not installed; imports none of them."""
    from importlib import metadata

    found: dict[str, str | None] = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def onnxruntime_wheels() -> list[str]:
    """Return the installed ones of the distributions that all bring the module `onnxruntime`: two of them clash."""
    return [wheel for wheel, version in versions(_WHEELS).items() if version]


def parse_cpuinfo(text: str) -> dict[str, Any]:
    """Read the text of /proc/cpuinfo, x86 or ARM: {"name": str | None, "cores": physical ones or 0, "flags": [...]}."""
    name: str | None = None
    flags: set[str] = set()
    cores: set[tuple[str, str]] = set()
    processors = 0
    socket = ""
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "processor":
            processors += 1
        elif key in ("model name", "Model", "Hardware"):
            name = name or value
        elif key in ("flags", "Features"):
            flags |= set(value.split())
        elif key == "physical id":
            socket = value
        elif key == "core id":
            cores.add((socket, value))
    return {"name": name, "cores": len(cores) or processors, "flags": [flag for flag in _FLAGS if flag in flags]}


def cgroup_quota(text: str, root: str | os.PathLike[str]) -> float | None:
    """Return the cores granted by the tightest quota over a process, None where there is none.

    `text` is that of /proc/self/cgroup, `root` the folder where the cgroup file systems lie; version 1 and 2.
    """
    quotas = [quota for folder in cgroup_folders(text, root, "cpu") if (quota := _quota(folder))]
    return min(quotas, default=None)


def cgroup_memory(text: str, root: str | os.PathLike[str]) -> list[int]:
    """Return the bytes left of each memory limit over a process, told as in `cgroup_folders`."""
    left = []
    for folder in cgroup_folders(text, root, "memory"):
        for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            said = [_read(os.path.join(folder, name)).strip() for name in (limit, used)]
            if all(word.isdigit() for word in said):
                # What was read from files and is not in use is given up at once.
                stat = _read(os.path.join(folder, "memory.stat"))
                cached = max(map(int, re.findall(r"^(?:total_)?inactive_file (\d+)", stat, re.M)), default=0)
                left.append(max(int(said[0]) - int(said[1]) + cached, 0))
    return left


def cgroup_folders(text: str, root: str | os.PathLike[str], controller: str) -> list[str]:
    """Return where the limits of `controller` over a process may lie, its own and those above; not all need exist.

    `text` is that of /proc/self/cgroup, `root` the folder where the cgroup file systems lie; version 1 and 2.
    """
    folders: list[str] = []
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mounts = (controller, controllers) if controllers else ("", "unified")
        # A limit set on a folder binds all below it. Inside a container the path may not be there: its root is.
        parts = path.strip("/").split("/")
        inner = ["/".join(parts[:depth]) for depth in range(len(parts) + 1)]
        folders += [os.path.join(root, mount, each) for mount in dict.fromkeys(mounts) for each in inner]
    return folders


def _quota(folder: str) -> float | None:
    words = _read(os.path.join(folder, "cpu.max")).split() or [
        _read(os.path.join(folder, "cpu.cfs_quota_us")).strip(),
        _read(os.path.join(folder, "cpu.cfs_period_us")).strip(),
    ]
    if len(words) == 2 and all(word.isdigit() for word in words) and int(words[1]):
        return int(words[0]) / int(words[1])
    return None  # "max" in version 2, -1 in version 1: no limit


@functools.cache
def _cpu() -> dict[str, Any]:
    if platform.system() == "Darwin":
        return _mac_cpu()
    cpu = parse_cpuinfo(_read("/proc/cpuinfo"))
    return {**cpu, "name": cpu["name"] or platform.processor() or platform.machine() or "unknown"}


def _mac_cpu() -> dict[str, Any]:
    """Ask sysctl, which names the ARM features its own way and the x86 ones in capitals."""
    asked = ("machdep.cpu.brand_string", "hw.physicalcpu", "machdep.cpu.features", "machdep.cpu.leaf7_features")
    name, cores, *features = (_sysctl(key) for key in asked)
    flags = set(" ".join(features).lower().replace(".", "_").split())
    arm = {"asimddp": "FEAT_DotProd", "i8mm": "FEAT_I8MM", "bf16": "FEAT_BF16", "sme": "FEAT_SME"}
    flags |= {flag for flag, key in arm.items() if _sysctl(f"hw.optional.arm.{key}") == "1"}
    return {
        "name": name or platform.machine(),
        "cores": int(cores) if cores.isdigit() else 0,
        "flags": [flag for flag in _FLAGS if flag in flags],
    }


def _sysctl(key: str) -> str:
    import subprocess  # costs an app that only asks for its cores too much

    try:
        return subprocess.run(["sysctl", "-n", key], capture_output=True, text=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _gpus(folder: str | os.PathLike[str]) -> list[str]:
    """Name the GPUs of NVIDIA's driver, which needs no tool of its own to be asked."""
    import glob

    paths = sorted(glob.glob(os.path.join(folder, "*", "information")))
    lines = [line for path in paths for line in _read(path).splitlines()]
    return [line.partition(":")[2].strip() for line in lines if line.startswith("Model")]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
