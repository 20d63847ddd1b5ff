"""The recipes' figures over several seeds, from whole runs; what is there already is not run again.

    python bench/results.py                                    (make results) every seed of TABLE that is missing
    python bench/results.py --recipe digits --seeds 0 1        these alone
    python bench/results.py --readme                           write README's table, and all of them beside the results

A result lies in bench/results/<recipe>/: seed-N.json, the run's record with its command, and seed-N.npz, the raw
scores and times of every stage. It is written as soon as its run ends, and counts for as long as the recipe says the
same. To measure one again, remove it. A run that was stopped goes on where it stood, in runs/.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from result_rows import columns, markdown, reached, row, rows, taught

from edgekit import console, files, metric, tasks
from edgekit.errors import EdgekitError, TrainingError
from edgekit.metric import MINUS
from edgekit.recipe.loading import load, resolve_model
from edgekit.recipe.schema import Prune
from edgekit.statistics import paired_change

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
TABLE = {
    "digits": range(5),
    "fashion-mnist": range(3),
    "fashion-mnist-small": range(3),
    "fashion-mnist-tiny": range(3),
    "linear": range(1),
    "mnist-cnn": range(3),
    "mnist-mlp": range(3),
    "char-rnn": range(3),
    "exercise": range(3),
    "sentiment": range(3),
    "sentiment-tiny": range(3),
    "embed": range(3),
}
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
TITLE = """# Results of the recipes

Every model of every recipe over its seeds, mean (lowest to highest), on test examples that no decision was taken on.
`python bench/results.py --readme` writes this from the files beside it: seed-N.json is a run's record, seed-N.npz its
raw scores and times.
"""
TOLD = ("id", "created", "finished", "seconds", "seed", "versions", "machine", "data", "recipe", "stages", "kept",
        "targets")  # fmt: skip
TARGETS_MISSED = 3


def main() -> int:
    """Run what is missing and print the table; 1 where a run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=TABLE, action="append", help="this recipe alone; may be repeated")
    parser.add_argument("--seeds", type=int, nargs="+", help="these seeds alone; the table tells of those in TABLE")
    parser.add_argument("--readme", action="store_true", help="run nothing, and write the tables of the documents")
    said = parser.parse_args()
    try:
        if said.readme:
            write_documents(ROOT / "README.md", RESULTS / "README.md")
            return 0
        wanted = {name: said.seeds or list(TABLE[name]) for name in said.recipe or TABLE}
        failed = [f"{name} seed {seed}" for name, seeds in wanted.items() for seed in seeds if not have(name, seed)]
        for name in wanted:
            found = results(name)
            console.answer(heading(name, found))
            if found:
                console.table(columns(found), rows(found))
                console.answer(closing(name, found))
        if failed:
            console.say(f"error: these runs failed, as was told above: {', '.join(failed)}")
        return int(bool(failed))
    except EdgekitError as error:
        console.say(error.render())
        return error.exit_code


def have(name: str, seed: int) -> bool:
    """Make sure the result of a recipe and seed is there; False where its run failed, which is told."""
    path = RESULTS / name / f"seed-{seed}.json"
    known = files.read_json(path)
    if known and known["recipe_sha256"] == recipe_hash(name):
        changed = [file for file, digest in model_files(name).items() if known["models"].get(file) != digest]
        note = f", but {', '.join(changed)} changed since" if changed else ""
        console.say(f"{name} seed {seed}: measured before, on {known['run']['created'][:10]}{note}")
        return True
    try:
        measure(name, seed, path)
    except EdgekitError as error:
        console.say(error.render())
        return False
    return True


def measure(name: str, seed: int, path: Path) -> None:
    """Run a recipe with a seed and write its result. TrainingError where the run fails."""
    command = ["distill", name, f"seed={seed}"]
    console.say(f"{name} seed {seed}: edgekit {' '.join(command)}")
    # What counts is what the recipe said when the run began.
    begun = {"recipe_sha256": recipe_hash(name), "models": model_files(name)}
    words = [sys.executable, "-m", "edgekit", *command, "--json"]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, TARGETS_MISSED):
        raise TrainingError(f"{name} seed {seed} ended with exit code {done.returncode}")
    run = json.loads(done.stdout.splitlines()[-1])
    result = {
        "schema": 1,
        "command": f"edgekit {' '.join(command)}",
        **begun,
        "run": {key: run[key] for key in TOLD},
    }
    with files.atomic(path.with_suffix(".npz")) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **raw(ROOT / "runs" / run["name"] / run["id"], run))
    files.write_json(path, result)


def raw(folder: Path, run: dict[str, Any]) -> dict[str, np.ndarray]:
    """Gather the scores and times of a run's stages: `distill/scores/test`, `distill/times/candidate.times_ns` ..."""
    found = {}
    for stage in run["stages"]:
        for kind in ("scores", "times"):
            with np.load(folder / stage["id"] / f"{kind}.npz") as arrays:
                found |= {f"{stage['id']}/{kind}/{key}": compact(arrays[key]) for key in arrays.files}
    return found


def compact(values: np.ndarray) -> np.ndarray:
    """Return the same values in the smallest dtype that holds them all."""
    fitting = (np.uint8, np.uint16, np.uint32)
    return next((small for small in map(values.astype, fitting) if np.array_equal(small, values)), values)


def recipe_hash(name: str) -> str:
    """Hash what a recipe says, whatever its seed; a key left at its default does not count: a new one harms nothing."""
    recipe = load(name).recipe
    aside = {"seed", "quick", "expect", "search"}
    said = recipe.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=aside)
    if recipe.output == tasks.get(recipe.task).heads[0]:  # said or not, it is what the task answers first
        said["export"].pop("output", None)
    for name, stage in recipe.stages.items():
        if isinstance(stage, Prune):  # 4 was the default once: results of then stay true of recipes that now say it
            said["stages"][name].pop("round_to", None)
            said["stages"][name] |= {} if stage.round_to == 4 else {"round_to": stage.round_to}
    return files.fingerprint(said)


def model_files(name: str) -> dict[str, str]:
    """Return the SHA-256 of the model files a recipe names."""
    loaded = load(name)
    named = [loaded.recipe.student.model, *([loaded.recipe.teacher.file] if loaded.recipe.teacher else [])]
    return {file: files.sha256(resolve_model(loaded, file)) for file in named}


def results(name: str) -> list[dict[str, Any]]:
    """Read the results of a recipe as it stands now, for the seeds of TABLE that are there."""
    known = [files.read_json(RESULTS / name / f"seed-{seed}.json") for seed in TABLE[name]]
    return [result for result in known if result and result["recipe_sha256"] == recipe_hash(name)]


def heading(name: str, found: Sequence[dict[str, Any]]) -> str:
    """Say of what the figures are: how many seeds, on how many examples, where."""
    wanted = len(TABLE[name])
    if not found:
        return f"**{name}**: none of {wanted} seeds is measured yet."
    runs = [result["run"] for result in found]
    machines = dict.fromkeys(f"{run['machine']['cpu']}, {run['machine']['cores']} cores" for run in runs)
    versions = dict.fromkeys(
        f"torch {run['versions']['torch']}, onnxruntime {run['versions']['onnxruntime']}" for run in runs
    )
    seeds = ", ".join(str(run["seed"]) for run in runs)
    often = runs[0]["stages"][0]["verdict"]["test"].get("groups")
    groups = f" of {often:,} groups" if often else ""
    return (
        f"**{name}**: {len(found)} of {wanted} seeds ({seeds}), {runs[0]['data']['test']:,} test examples{groups}, "
        f"`edgekit distill {name} seed=N`; "
        f"{' and '.join(machines)}, 1 thread, batch 1; {' and '.join(versions)}."
    )


def closing(name: str, found: Sequence[dict[str, Any]]) -> str:
    """Say what the teacher was worth: distilled against the same student alone, over all seeds and examples."""
    gains, scores = [], []
    for result in found:
        ids = {stage["verdict"]["kind"]: stage["id"] for stage in result["run"]["stages"]}
        if {"student", "distill"} <= set(ids):
            with np.load(RESULTS / name / f"seed-{result['run']['seed']}.npz") as arrays:
                pair = [arrays[f"{ids[kind]}/scores/test"].astype(np.float64) for kind in ("distill", "student")]
            gains.append(100 * (pair[0].mean() - pair[1].mean()))
            scores.append(pair)
    if not gains:
        return ""
    first = found[0]["run"]["stages"][0]["verdict"]
    shown = metric.of(first)

    def write(points: float) -> str:
        moved = points if shown.share else shown.sign * points / 100
        return (f"{moved:+.2f}" if shown.share else f"{moved:+.3f}").replace("-", MINUS)

    mean, interval = write(statistics.mean(gains)), ""
    if not first["test"].get("groups") and len({pair[0].shape for pair in scores}) == 1:
        # One figure for each example, its mean over the seeds: the interval is of other examples, not of other seeds.
        change = paired_change(*np.mean(scores, axis=0))
        ends = sorted((change["low"], change["high"]), key=lambda points: shown.sign * points)
        interval = f" [{', '.join(map(write, ends))}]"
    gains.sort(key=lambda points: shown.sign * points)
    seeds = f"; by seed {write(gains[0])} to {write(gains[-1])}" if len(gains) > 1 else ""
    unit = " points" if shown.share else f" {shown.unit}".rstrip()
    return f"Distilled against the same student without a teacher: {mean}{unit}{interval}{seeds}."


def write_documents(readme: Path, beside: Path) -> None:
    """Put one line for each recipe between the marks in `readme`, and all tables into `beside`."""
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise EdgekitError(f'"{readme.name}" lacks the marks {BEGIN} and {END}')
    files.write_text(readme, f"{before}{BEGIN}\n{summary()}\n{END}{after}")
    files.write_text(beside, f"{TITLE}\n{tables()}\n")
    console.say(", ".join(f"{name} {len(results(name))} of {len(TABLE[name])}" for name in TABLE))


def summary() -> str:
    """Write one line for each recipe that has results: what its teacher reaches, and what is shipped."""
    table = []
    for name in TABLE:
        if found := results(name):
            runs = [result["run"] for result in found]
            by_kind = [{stage["verdict"]["kind"]: stage["verdict"] for stage in run["stages"]} for run in runs]
            kept = [next(s["verdict"] for s in run["stages"] if s["id"] == run["kept"]) for run in runs]
            shown = metric.of(kept[0])
            _, reach, parameters, size, _, speedup, _ = row("", kept, "")
            others = [
                reached(shown, [each[kind]["test"]["value"] for each in by_kind]) if kind in by_kind[0] else ""
                for kind in ("teacher", "student")
            ]
            alone = others[1] if taught(found) else ""
            count = f"{kept[0]['test']['n']:,}"
            seeds = f"{len(found)} of {len(TABLE[name])}"
            what = f"{shown.name}, n = {count}"
            table.append([f"`{name}`", what, others[0], alone, reach, parameters, size, speedup, seeds])
    return markdown(
        ["recipe", "metric", "teacher", "student alone", "shipped", "parameters", "file", "speed-up", "seeds"], table
    )


def tables() -> str:
    """Write what documents show of the results there are."""
    parts = []
    for name in TABLE:
        if found := results(name):
            parts += [heading(name, found), markdown(columns(found), rows(found)), closing(name, found)]
    return "\n\n".join(filter(None, parts))


if __name__ == "__main__":
    sys.exit(main())
