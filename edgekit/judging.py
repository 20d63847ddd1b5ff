"""The judge: one function decides about every candidate, wherever it comes from.

    export -> prove against PyTorch -> score on held-out data -> time beside the incumbent -> keep or undo

A verdict is written once, with its figures and their intervals, and never measured again when a run is resumed. The
judge decides on validation examples; test examples only fill the table, so that the table stays honest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from edgekit import console, deciding, files, locks, statistics
from edgekit.exporting import ladder
from edgekit.exporting.agreement import Answered, parity
from edgekit.exporting.cases import BATCHES
from edgekit.exporting.deployment import Deployment
from edgekit.graph.inspection import inspect
from edgekit.latency import comparison
from edgekit.latency.conditions import Watch
from edgekit.latency.copies import Opener
from edgekit.latency.doubts import DISTURBED, about_machine
from edgekit.latency.sampling import interleave
from edgekit.measuring import costs, layers, predicting
from edgekit.measuring.answers import Noted
from edgekit.measuring.predicting import Predict, predict
from edgekit.measuring.spinning import rest_after
from edgekit.metric import Metric
from edgekit.recipe.schema import Budget, Measure
from edgekit.runtime.session import Session, open_session

VERDICT, SCORES, TIMES = "verdict.json", "scores.npz", "times.npz"
_LARGEST_BATCH = 256  # of examples that are scored at once: what TensorRT is to build for
_COMPRESSED = ("prune", "quantize")  # kinds of candidates that have their incumbent's layers
FEW = 2000  # examples below which the judge says that it sees little

# Scores a model on the splits "validation" and then "test": one number per example, or a single one for the split.
Scorer = Callable[[Predict], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Candidate:
    """A model that a stage made: a PyTorch network, or an ONNX graph and the candidate it came from."""

    stage: str
    kind: str
    label: str
    folder: Path
    network: nn.Module | None = None
    graph: Path | None = None
    parameters: int = 0


class Judged(NamedTuple):
    """A verdict, the file that was judged, and its scores per split.

    Of a classifier with a score for every example, `scores` also has what it answered to the test examples: "class"
    and "confidence", as `measuring/answers.py` notes them.
    """

    verdict: dict[str, Any]
    graph: Path
    scores: dict[str, np.ndarray]


@dataclass(frozen=True)
class Judge:
    """Judges the candidates of one run, all by the same rules.

    `inputs`: real examples (n >= 7) as an app passes them, for the proof and the timing. By split: `classes`, what the
    examples are of, where accuracy by class has a meaning; `groups`, which recording or subject they are of, where they
    hang together. `root`: the run's folder.
    """

    root: Path
    deployment: Deployment
    metric: Metric
    score: Scorer
    inputs: np.ndarray
    measure: Measure
    seed: int
    device: locks.Device = field(repr=False)
    classes: Mapping[str, np.ndarray] = field(default_factory=dict)
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)

    def judge(
        self,
        candidate: Candidate,
        incumbent: Judged | None,
        teacher: Judged | None,
        budget: Budget,
        gains: str,
        key: str,
    ) -> Judged:
        """Judge `candidate` beside `incumbent`, and write the verdict; return the one written before, if there is one.

        `gains` says what the step is for: "latency", or "accuracy" where it must not lose any. `key` is the hash of
        everything the verdict depends on. Without an incumbent the candidate is the reference.
        """
        began, folder = time.monotonic(), candidate.folder
        if known := self._recall(candidate, key):
            return known
        graph = candidate.graph or folder / "model.onnx"
        notes: list[str] = []
        with self.device.busy():  # what another run times must not be disturbed
            exported, parity = self._export(candidate, graph, incumbent)
            console.say(f"{candidate.label}: scoring and timing")
            noted = Noted(predict(self._open(graph)), self.deployment.output)
            scores = {split: np.asarray(values) for split, values in self.score(noted).items()}
        scores |= noted.last(len(scores["test"]) if scores["test"].ndim else 0)
        latency, faster, over_teacher, doubts = self._time(graph, incumbent, teacher, folder)
        notes += [f"while {candidate.label} was timed, {doubt}: its ratios are doubtful" for doubt in doubts]
        memory = self._memory(graph) if budget.max_memory_mb is not None else {}
        decision, change, worst = None, None, None
        if incumbent:
            pair = scores["validation"], incumbent.scores["validation"]
            groups = self.groups.get("validation")
            change = deciding.change(*pair, groups)
            worst = deciding.worst_class(*pair, self.classes.get("validation"), self.deployment.labels, groups)
            if change["n"] and change["n"] < FEW:
                of = f" of {change['groups']} groups" if "groups" in change else ""
                notes.append(f"the judge sees little: n = {change['n']}{of}")
            assert faster
            found = deciding.Found(change, worst, faster, graph.stat().st_size, memory)
            decision = deciding.decide(found, incumbent.verdict, budget, gains, self.metric)
        verdict = {
            "stage": candidate.stage,
            "kind": candidate.kind,
            "label": candidate.label,
            "decision": decision.word if decision else "reference",
            "anyway": bool(decision and decision.anyway),
            "reason": decision.reason if decision else "what every other row is compared with",
            "incumbent": incumbent.verdict["stage"] if incumbent else None,
            "parameters": candidate.parameters,
            "macs": inspect(graph).macs,
            "bytes": graph.stat().st_size,
            "memory": memory,
            "metric": self.metric.name,
            "unit": self.metric.unit,
            "sign": self.metric.sign,
            "test": self._estimate("test", scores)
            | {"per_class": self._per_class(scores["test"]), "f1": self._f1(scores)},
            "validation": self._estimate("validation", scores),
            "change": change,
            "worst_class": worst,
            "latency": latency,
            "speedup": faster,
            "speedup_over_teacher": over_teacher,
            "parity": parity,
            "layers": self._layers(candidate, graph, incumbent),
            "export": exported,
            "model": {"file": str(graph.relative_to(self.root)), "sha256": files.sha256(graph)},
            "notes": notes,
            "key": key,
        }
        with files.atomic(folder / SCORES) as temporary:
            np.savez_compressed(temporary, **scores)  # type: ignore[arg-type]
        verdict["scores"] = files.sha256(folder / SCORES)
        verdict["seconds"] = round(time.monotonic() - began, 2)
        files.write_sealed(folder / VERDICT, verdict)
        return Judged(verdict, graph, scores)

    def _estimate(self, split: str, scores: Mapping[str, np.ndarray]) -> dict[str, Any]:
        return estimate(scores[split], self.groups.get(split))

    def _per_class(self, scores: np.ndarray) -> list[float | None] | None:
        classes = self.classes.get("test")
        if classes is None or scores.ndim == 0:
            return None
        labels = range(len(self.deployment.labels) or int(classes.max()) + 1)
        found = [scores[classes == label] for label in labels]
        return [float(part.mean()) if len(part) else None for part in found]

    def _f1(self, scores: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
        """Return F1 of the last of two classes, the one that is looked for: "equivalent", "positive", "yes"."""
        classes, said = self.classes.get("test"), scores.get("class")
        if classes is None or said is None or len(self.deployment.labels) != 2:
            return None
        found = statistics.f1_estimate(said == 1, classes == 1, self.groups.get("test"))
        return {"label": self.deployment.labels[1]} | found

    def _memory(self, graph: Path) -> dict[str, Any]:
        with self.device.quiet():
            feeds = predicting.first(self._open(graph), self._batch())
            return costs.memory(graph, feeds, self.measure.device, self.measure.threads)

    def _layers(self, candidate: Candidate, graph: Path, incumbent: Judged | None) -> list[dict[str, Any]]:
        """Time every layer before and after a compression, where it runs on the cpu."""
        if candidate.kind not in _COMPRESSED or incumbent is None or self.measure.device != "cpu":
            return []
        with self.device.quiet():
            feeds = predicting.first(self._open(graph), self._batch())
            return layers.by_layer(incumbent.graph, graph, feeds, self.measure.threads)

    def _batch(self) -> np.ndarray:
        return np.resize(self.inputs, (self.measure.batch, *self.inputs.shape[1:]))

    def _recall(self, candidate: Candidate, key: str) -> Judged | None:
        path = candidate.folder / VERDICT
        if not path.exists():
            return None
        verdict = files.read_sealed(path)
        if verdict and verdict["key"] != key:
            return None
        try:
            graph = self.root / verdict["model"]["file"] if verdict else path
            # The archive's own checks do not see a byte between its parts.
            kept = [files.sha256(path) for path in (graph, candidate.folder / SCORES)]
            whole = verdict and kept == [verdict["model"]["sha256"], verdict.get("scores")]
        except OSError:
            whole = False
        if not verdict or not whole:
            console.say(f"{candidate.label}: what was judged is damaged or gone; judging again")
            return None
        with np.load(candidate.folder / SCORES) as saved:
            return Judged(verdict, graph, dict(saved))

    def _export(
        self, candidate: Candidate, graph: Path, incumbent: Judged | None
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Export and prove a network; of a graph, say how near it is to the one it was made from, if from any."""
        if candidate.network is not None:
            console.say(f"{candidate.label}: exporting to ONNX and comparing with PyTorch")
            done = ladder.export(candidate.network, self.deployment, self.inputs, graph)
            said = {"method": done.method, "opset": done.opset, "ir": done.ir, "seconds": round(done.seconds, 2)}
            return said | {"failures": done.failures}, done.parity.to_dict()
        if incumbent is None:  # a teacher that was given as an ONNX file
            return None, None
        before, after = predict(open_session(incumbent.graph)), predict(open_session(graph))
        name = self.deployment.output
        answered = [
            Answered({"batch": size}, {name: after(self.inputs[:size])}, {name: before(self.inputs[:size])})
            for size in BATCHES
        ]
        return None, parity(answered, "batch").to_dict()

    def _time(
        self, graph: Path, incumbent: Judged | None, teacher: Judged | None, folder: Path
    ) -> tuple[dict[str, Any], dict[str, float] | None, dict[str, float] | None, list[str]]:
        """Time the candidate, its incumbent and the teacher: live copies of each, interleaved, on a quiet device.

        The last of what is returned is what disturbed them: programs that know nothing of edgekit's locks.
        """
        graphs = {"candidate": graph}
        for name, other in (("incumbent", incumbent), ("teacher", teacher)):
            if other and other.graph not in graphs.values():
                graphs[name] = other.graph

        def opened(path: Path) -> Callable[[], object]:
            session = self._open(path)
            return partial(session.run, predicting.first(session, self._batch()))

        openers = {name: Opener(partial(opened, path)) for name, path in graphs.items()}
        with self.device.quiet():
            rest = rest_after(self.measure.threads)
            with Watch() as watch:
                taken = interleave(openers, seconds=self.measure.seconds, seed=self.seed, rest=rest, progress=watch)
        raw = {f"{n}.{what}": getattr(s, what) for n, s in taken.items() for what in ("times_ns", "rounds", "copies")}
        with files.atomic(folder / TIMES) as temporary:
            np.savez_compressed(temporary, **raw)
        said = taken["candidate"].summary()
        said |= {"device": self.measure.device, "threads": self.measure.threads, "batch": self.measure.batch}
        faster = comparison.speedup(taken["candidate"], taken["incumbent"]) if incumbent else None
        over_teacher = comparison.speedup(taken["candidate"], taken["teacher"]) if "teacher" in taken else None
        doubts = [doubt.text for doubt in about_machine(watch.seen(), self.measure.threads) if doubt.kind in DISTURBED]
        return said, faster, over_teacher or (faster if teacher else None), doubts

    def _open(self, graph: Path) -> Session:
        return open_session(graph, device=self.measure.device, threads=self.measure.threads, max_batch=_LARGEST_BATCH)


def estimate(scores: np.ndarray, groups: np.ndarray | None = None) -> dict[str, Any]:
    """Give the mean with its interval, over `groups` where there are; a single number for a whole split has none."""
    if scores.ndim == 0:
        return {"value": float(scores), "low": None, "high": None, "n": None}
    return statistics.mean_estimate(scores, groups)
