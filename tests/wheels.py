"""Run the runtime's tests where other providers are: throw-away environments with other wheels of onnxruntime.

    python tests/wheels.py                 # all of them
    python tests/wheels.py gpu openvino    # these

Each is made in a temporary folder (pip's cache spares the second download), asked what its onnxruntime offers, used for
`tests/runtime` and removed. What is not there is skipped in each, with its reason; what must be there is looked for
first, so that no test is skipped everywhere.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PINNED = ("onnx", "pytest", "numpy", "pillow", "pydantic", "pyyaml")  # what the runtime's tests import


# What an environment is asked: versions, and the providers that are built in, and those whose plugin loads.
ASKED = """
import numpy, onnxruntime
from edgekit.runtime.devices import plugins
from edgekit.runtime.devices.naming import Device

brought = [plugins.find(Device(name))[0] for name in plugins.names()]
print(onnxruntime.__version__, numpy.__version__)
print(*dict.fromkeys([*onnxruntime.get_available_providers(), *brought]))
"""


class Environment(NamedTuple):
    """What is installed, and the provider that comes with it, built in or as a plugin. `numpy`: another than ours."""

    what: str
    packages: tuple[str, ...]
    provider: str
    numpy: str | None = None


ENVIRONMENTS = {
    "openvino": Environment("a second provider, on the CPU", ("onnxruntime-openvino",), "OpenVINOExecutionProvider"),
    "plugin": Environment(
        "a provider as a plugin", ("onnxruntime-ep-openvino", "onnxruntime"), "OpenVINOExecutionProvider"
    ),
    "gpu": Environment("CUDA in the build, no GPU needed", ("onnxruntime-gpu",), "CUDAExecutionProvider"),
    "old": Environment("the oldest that is supported", ("onnxruntime==1.20.1",), "CPUExecutionProvider", "1.26.4"),
}


def pins(text: str) -> dict[str, str]:
    """Read the versions of `PINNED` from the constraints' text."""
    found = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.M))
    return {name: found[name] for name in PINNED if name in found}


def run(*command: object) -> str:
    """Run a command and return what it printed; end with its output where it fails."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        say(done.stdout + done.stderr)
        raise SystemExit(f"failed: {' '.join(map(str, command))[:200]}")
    return done.stdout


def prove(name: str, environment: Environment, folder: Path) -> None:
    """Make the environment in `folder`, look at its providers, and run the tests."""
    started = time.perf_counter()
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    versions = pins((ROOT / "constraints.txt").read_text("utf-8"))
    if environment.numpy:
        versions["numpy"] = environment.numpy
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    others = [f"{package}=={version}" for package, version in versions.items()]
    run(*pip, "install", "--quiet", "--no-compile", "--only-binary", ":all:", *environment.packages, *others)
    told = run(python, "-W", "ignore", "-c", ASKED).splitlines()
    runtime, numpy = told[-2].split()
    packages = ", ".join(package.partition("==")[0] for package in environment.packages)
    say(f"{name}: {environment.what}: {packages}, onnxruntime {runtime}, numpy {numpy}, {told[-1]}")
    if environment.provider not in told[-1].split():
        raise SystemExit(f"failed: {name} has no {environment.provider}")
    made = time.perf_counter()
    say(f"  made in {made - started:.0f} s")
    said = run(python, "-m", "pytest", "-p", "no:cacheprovider", "-rs", "tests/runtime")
    for line in said.splitlines():
        if line.startswith("SKIPPED") or re.match(r"\d+ passed", line):
            say(f"  {line}")


def say(line: str) -> None:
    """Print a line at once, for whoever watches."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> None:
    """Prove the environments that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ENVIRONMENTS))
    names = parser.parse_args(arguments).names or list(ENVIRONMENTS)
    if unknown := [name for name in names if name not in ENVIRONMENTS]:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(ENVIRONMENTS)}")
    for name in names:
        with tempfile.TemporaryDirectory(prefix=f"edgekit-{name}-") as folder:
            prove(name, ENVIRONMENTS[name], Path(folder))


if __name__ == "__main__":
    main()
