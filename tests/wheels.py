"""Run the runtime's tests where other providers are: throw-away environments with other wheels of onnxruntime.

    python tests/wheels.py                 # all of them
    python tests/wheels.py gpu openvino    # these

Bundles are made first, with the PyTorch that is here (`tests/bundles.py`), for each to load. Each environment is made
in a temporary folder (pip's cache spares the second download), asked what its onnxruntime offers, used for
`tests/runtime` and removed. What is not there is skipped in each, with its reason; what must be there is looked for
first, so that no test is skipped everywhere. The environment `transformers` has PyTorch too, for the tests of sources
that need both.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PINNED = ("onnx", "pytest", "numpy", "pillow", "pydantic", "pyyaml")  # what the runtime's tests import
EXPORTING = ("torch", "onnxruntime", "onnxscript", "onnxslim", "safetensors", "tokenizers", "typer", "rich", "sympy")


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
    """What is installed, and the provider that comes with it, built in or as a plugin. `numpy`: another than ours.

    `tests` are run there; `pinned` is what they import beside `PINNED`, as the constraints have it.
    """

    what: str
    packages: tuple[str, ...]
    provider: str
    numpy: str | None = None
    tests: str = "tests/runtime"
    pinned: tuple[str, ...] = ()


ENVIRONMENTS = {
    "openvino": Environment("a second provider, on the CPU", ("onnxruntime-openvino",), "OpenVINOExecutionProvider"),
    "plugin": Environment(
        "a provider as a plugin", ("onnxruntime-ep-openvino", "onnxruntime"), "OpenVINOExecutionProvider"
    ),
    "gpu": Environment("CUDA in the build, no GPU needed", ("onnxruntime-gpu",), "CUDAExecutionProvider"),
    "old": Environment("the oldest that is supported", ("onnxruntime==1.20.1",), "CPUExecutionProvider", "1.26.4"),
    "transformers": Environment(
        "sources that need transformers",
        ("transformers",),
        "CPUExecutionProvider",
        tests="tests/sources/test_hugging_face.py",
        pinned=("transformers", *EXPORTING),
    ),
}


def pins(text: str, names: tuple[str, ...] = PINNED) -> dict[str, str]:
    """Read the versions of `names` from the constraints' text."""
    found = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.M))
    return {name: found[name] for name in names if name in found}


def run(*command: object, **environment: str) -> str:
    """Run a command and return what it printed; end with its output where it fails."""
    words, variables = [str(part) for part in command], {**os.environ, **environment}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=variables)
    if done.returncode:
        say(done.stdout + done.stderr)
        raise SystemExit(f"failed: {' '.join(map(str, command))[:200]}")
    return done.stdout


def prove(name: str, environment: Environment, folder: Path, bundles: Path) -> None:
    """Make the environment in `folder`, look at its providers, and run the tests, also on `bundles`."""
    started = time.perf_counter()
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    versions = pins((ROOT / "constraints.txt").read_text("utf-8"), (*PINNED, *environment.pinned))
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
    said = run(python, "-m", "pytest", "-p", "no:cacheprovider", "-rs", environment.tests, EDGEKIT_BUNDLES=str(bundles))
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
    with tempfile.TemporaryDirectory(prefix="edgekit-bundles-") as bundles:
        if any(ENVIRONMENTS[name].tests == Environment._field_defaults["tests"] for name in names):
            started = time.perf_counter()
            run(sys.executable, "-W", "ignore", "tests/bundles.py", bundles)
            made = sorted(path.name for path in Path(bundles).iterdir())
            say(f"bundles: {', '.join(made)}, made in {time.perf_counter() - started:.0f} s")
        for name in names:
            with tempfile.TemporaryDirectory(prefix=f"edgekit-{name}-") as folder:
                prove(name, ENVIRONMENTS[name], Path(folder), Path(bundles))


if __name__ == "__main__":
    main()
