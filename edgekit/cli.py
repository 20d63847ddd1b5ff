"""Registers the verbs, one file of `commands/` each. The only place that prints errors.

Importing this must stay cheap: typer alone. Every command imports what it needs inside its body.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable

import typer

from edgekit import processes
from edgekit.errors import EdgekitError, UsageError

# A person's way through edgekit, and what each verb is for.
VERBS = {
    "list": "show the recipes and models that come with edgekit",
    "copy": "make a recipe and its model files your own",
    "check": "validate a recipe, and say what it will do",
    "distill": "from a big model to a small one that does the job",
    "train": "train one network from labels alone",
    "search": "find good settings of a recipe, by many trials",
    "quantize": "8 bits, as far as they pay and keep the budget",
    "export": "any PyTorch model as a bundle, proved",
    "predict": "run a bundle on files",
    "inspect": "say what is in a model",
    "verify": "say whether two models agree, and where not",
    "bench": "measure latency, side by side",
    "compare": "compare what was measured, by record",
    "tune": "find the fastest session settings here",
    "report": "make a run's page to look at",
    "doctor": "say what is wrong here",
    "clean": "show and remove old runs and caches",
}

# What several processes of one launch can do together.
TOGETHER = ("distill", "train")

# Modules whose name would hide one of Python's own.
_FILES = {"list": "list_command", "copy": "copy_command"}


def make(verbs: Iterable[str] = VERBS) -> typer.Typer:
    """Make the command line; only `verbs` are imported, of the others it knows no more than --help shows."""
    app = typer.Typer(
        name="edgekit",
        help="Make a PyTorch model small, prove it against the original, measure it, and embed it.",
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for verb, purpose in VERBS.items():
        if verb in verbs:
            command = importlib.import_module(f"edgekit.commands.{_FILES.get(verb, verb)}").command
            text, _, example = command.__doc__.rpartition("Example: ")
            app.command(verb, short_help=purpose, help=text.strip(), epilog=f"Example: {example.strip()}")(command)
        else:
            app.command(verb, short_help=purpose)(_not_asked_for)
    return app


def _not_asked_for() -> None:
    """Stand for a verb that the command line does not name."""


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; the user's errors are printed without a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"]
    process = processes.own()
    try:
        if process.size > 1 and words[:1] and words[0] in VERBS and words[0] not in TOGETHER:
            said = f"{words[0]} works in one process, and {process.size} were launched"
            raise UsageError(said, f"several processes can {' or '.join(TOGETHER)}")
        make(words[:1])(words)
    except EdgekitError as error:
        if debug:
            raise
        if process.leads:
            print(error.render(), file=sys.stderr)  # noqa: T201
        elif process.local_rank == 0:  # what one process of each machine finds, the others there find as well
            print(f"{process}: {error.render()}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except SystemExit as end:  # how typer ends, also where the command was used wrongly
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
