"""A data set's summary as tables: what `edgekit check --data` shows. Imports the console alone."""

from __future__ import annotations

from typing import Any

from edgekit import console

SHOWN = 30  # classes
_NAMED = 5


def show(summary: dict[str, Any]) -> None:
    """Print the tables, and a line for all that one should know before training."""
    splits = summary["splits"]
    groups = any(split["groups"] is not None for split in splits.values())
    unlabelled = any(split["unlabelled"] for split in splits.values())
    head = ["split", "examples", *(["unlabelled"] if unlabelled else []), *(["groups"] if groups else []), "repeated"]
    rows = []
    for name, split in splits.items():
        row = [name, split["examples"]]
        row += [split["unlabelled"]] if unlabelled else []
        row += [split["groups"] if split["groups"] is not None else ""] if groups else []
        rows.append([f"{cell:,}" if isinstance(cell, int) else cell for cell in [*row, split["repeated"]]])
    console.answer(f"examples are {summary['inputs']}")
    console.table(head, rows)
    _labels(summary["labels"], list(splits))
    for what, title in (("numbers", "target"), ("tokens", "tokens")):
        if summary[what]:
            keys = list(summary[what]["train"])
            held = [[name, *(_shown(each[key]) for key in keys)] for name, each in summary[what].items()]
            console.table([title, *(key.replace("_", " ") for key in keys)], held)
    _doubts(summary)


def _labels(labels: dict[str, dict[str, int]] | None, splits: list[str]) -> None:
    if not labels:
        return
    rows = [[label, *(f"{counts[split]:,}" for split in splits)] for label, counts in labels.items()]
    console.table(["class", *splits], rows[:SHOWN])
    if len(rows) > SHOWN:
        console.answer(f"and {len(rows) - SHOWN} classes more; --json has all")
    if len(labels) == 1:
        console.answer("there is one class alone, and nothing to tell apart")
        return
    sizes = [counts["train"] for counts in labels.values()]
    ratio = max(sizes) / max(min(sizes), 1)
    more = f"the largest class has {ratio:.3g} times the smallest's examples"
    console.answer(f"balance: {more if max(sizes) > min(sizes) else 'every class has as many examples'}")
    for split in splits:
        if none := [label for label, counts in labels.items() if not counts[split]]:
            named = ", ".join(f'"{label}"' for label in none[:_NAMED]) + (", ..." if len(none) > _NAMED else "")
            console.answer(f"{split} has no example of {len(none):,} of {len(labels):,} classes: {named}")


def _doubts(summary: dict[str, Any]) -> None:
    if summary["counted"] < 1:
        console.answer(f"repeated and equal examples are estimated from {100 * summary['counted']:.3g} % of them")
    for pair, count in summary["both"].items():
        if count:
            one, _, other = pair.partition("/")
            told = f"{count:,} example{'s' * (count > 1)} of {one} equal{'s' * (count == 1)} some of {other}"
            console.answer(f"{told}; data.split.by: hash keeps equal ones together")
    full = {name: each["at_limit"] for name, each in (summary["tokens"] or {}).items()}
    if any(full.values()):
        told = ", ".join(f"{count:,} of {name}" for name, count in full.items())
        console.answer(f"as long as data.text.length, and so perhaps cut: {told}")


def _shown(value: Any) -> str:
    return ", ".join(f"{each:g}" for each in value) if isinstance(value, list) else f"{value:,}"
