"""From a recipe to a job: its data, networks, splits and deployment, loaded and checked against each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import files, modelfile, tasks
from edgekit.data import loading as examples
from edgekit.data.batches import Batches
from edgekit.data.dataset import NO_PADDING, Dataset, Split, class_counts
from edgekit.data.drawing import some
from edgekit.data.rows import sharded, stretches
from edgekit.errors import DataError, RecipeError
from edgekit.exporting.deployment import Deployment
from edgekit.recipe.loading import Loaded, resolve_model, resolved
from edgekit.recipe.networks import Network as NetworkSettings
from edgekit.recipe.networks import Train, Weights
from edgekit.recipe.plan import student_training
from edgekit.recipe.schema import Recipe, Targets
from edgekit.runtime.predictors import TOKENIZER
from edgekit.signature import Tensor
from edgekit.stages.job import Job, Network, onnx_network
from edgekit.tasks import Task
from edgekit.training import losses, starting
from edgekit.training.batches import ArraySource
from edgekit.training.losses.classification import weighted
from edgekit.workflow.scoring import Passed, Scoring

_INPUTS = 64  # examples for the proof and the timing


def prepare(loaded: Loaded) -> Job:
    """Load what the recipe names and make the job of it. Raises DataError or ModelError where parts do not fit."""
    recipe = loaded.recipe
    task = tasks.get(recipe.task)
    dataset = examples.load(recipe.data, loaded.folder, recipe.data.seed, task.targets)
    deployment = _deployment(recipe, task, dataset)
    passed = Passed(deployment.input, dataset.pad)
    labelled = examples.labelled(dataset.train)
    for targets in (labelled.targets, dataset.validation.targets, dataset.test.targets):
        task.check(next(stretches(targets)) if sharded(targets) else targets, len(dataset.labels))

    def source(settings: Train, views: int, taught: bool = False) -> ArraySource:
        return ArraySource(
            Batches(
                dataset.train if taught else labelled,
                batch=settings.batch,
                seed=recipe.seed,
                view_seed=recipe.data.seed,
                normalize=dataset.normalize,
                augment=recipe.data.augment,
                views=views,
                pad=dataset.pad,
            )
        )

    teacher = _taught(loaded, recipe.teacher, recipe.teacher.train, deployment) if recipe.teacher else None
    scoring = Scoring(task, dataset, deployment, passed, teacher, recipe.seed)

    def calibration(count: int) -> Iterator[dict[str, np.ndarray]]:
        chosen = some(dataset.train, count, recipe.seed)
        for at in range(0, len(chosen), 32):
            yield {deployment.input.name: passed.of(dataset.train.inputs[np.sort(chosen[at : at + 32])])}

    return Job(
        name=recipe.name,
        task=recipe.task,
        metric=task.metric,
        seed=recipe.seed,
        teacher=teacher,
        student=_student(loaded, recipe),
        baseline=recipe.baseline,
        stages=dict(recipe.stages),
        source=source,
        score=scoring.score,
        inputs=passed.typical(dataset.test.inputs, _INPUTS),
        calibration=calibration,
        deployment=deployment,
        budget=recipe.budget,
        student_budget=recipe.student.budget,
        measure=recipe.measure,
        targets=recipe.targets,
        data={
            "source": recipe.data.source,
            "train": len(dataset.train.targets),
            "validation": len(dataset.validation.targets),
            "test": len(dataset.test.targets),
            "labels": dataset.labels,
            "fingerprint": dataset.fingerprint,
            "prepared": recipe.data.model_dump(mode="json", include={"seed", "augment", "class_weights"})
            | {"normalize": dataset.normalize and dataset.normalize.model_dump()},
        },
        provenance=({"licence": recipe.licence} if recipe.licence else {})
        | {"recipe": resolved(recipe), "recipe_file": loaded.path.name},
        also=tuple(_taught(loaded, each, Train(epochs=0), deployment) for each in recipe.teacher.also)
        if recipe.teacher
        else (),
        classes=np.asarray(dataset.test.targets) if task.targets == "class" else None,
        judged_classes=np.asarray(dataset.validation.targets) if task.targets == "class" else None,
        groups=_groups(dataset) if task.targets != "vector" else None,
        pictures=(lambda places: dataset.test.inputs[places]) if deployment.is_image else None,
        losses=_losses(recipe, task, labelled, dataset),
        beside={TOKENIZER: dataset.tokenizer} if dataset.tokenizer else {},
        pad=None if dataset.pad == NO_PADDING else dataset.pad,
        texts=dataset.texts,
        sign=task.sign,
        unit=task.unit,
        validate=scoring.validate,
        recipe=resolved(recipe),
    )


def _groups(dataset: Dataset) -> dict[str, np.ndarray] | None:
    """Return the groups of both held-out splits, where their examples hang together."""
    found = {"validation": dataset.validation.groups, "test": dataset.test.groups}
    return {name: np.asarray(groups) for name, groups in found.items() if groups is not None} or None


def _losses(recipe: Recipe, task: Task, labelled: Split, dataset: Dataset) -> losses.TaskLosses:
    if not recipe.data.class_weights:
        return losses.BY_TARGETS[task.targets]
    if task.targets != "class":
        raise RecipeError(f"data.class_weights: {task.name} has no classes to weigh", "leave it out")
    counts = class_counts(labelled.targets, len(dataset.labels))
    return weighted((len(labelled) / (len(counts) * counts)).tolist())


def _deployment(recipe: Recipe, task: Task, dataset: Dataset) -> Deployment:
    tensor = Tensor.parse(recipe.export.input)
    if task.targets == "token":  # what is exported may be a step of one token; what is scored are windows
        tensor = Tensor(tensor.name, tensor.dtype, (*tensor.shape[:1], "T"))
    given = dataset.test.inputs
    fixed = [(asked, has) for asked, has in zip(tensor.shape[1:], given.shape[1:], strict=False) if asked != has]
    if tensor.dtype != str(given.dtype) or len(tensor.shape) != given.ndim or any(isinstance(a, int) for a, _ in fixed):
        raise DataError(
            f'export.input says "{tensor}"; the examples of "{recipe.data.source}" are'
            f" {given.dtype}[{','.join(map(str, given.shape))}]",
            "write export.input as the examples are, with a name for the batch",
        )
    normalize = dataset.normalize
    return Deployment(
        input=tensor,
        output=recipe.output,
        labels=tuple(dataset.labels),
        mean=tuple(normalize.mean or ()) if normalize else (),
        std=tuple(normalize.std or ()) if normalize else (),
        min_onnxruntime=recipe.export.min_onnxruntime,
    )


def _network(loaded: Loaded, model: str, args: dict[str, Any], train: Train, start: Weights | None) -> Network:
    path = resolve_model(loaded, model)
    identity = {"model": model, "sha256": files.sha256(path), "args": args}
    if start is None:
        return Network(lambda: modelfile.build(path, args), identity, train)
    weights = resolve_model(loaded, start.file)
    return Network(
        lambda: starting.started(modelfile.build(path, args), weights),
        identity | {"start": files.sha256(weights)},
        train,
    )


def _taught(loaded: Loaded, settings: NetworkSettings, train: Train, deployment: Deployment) -> Network:
    """Make a teacher of what the recipe says: a network, trained or to train, or an ONNX file."""
    if settings.onnx is not None:
        graph = resolve_model(loaded, settings.onnx)
        return onnx_network(graph, train, deployment.mean, deployment.std)
    assert settings.model
    made = _network(loaded, settings.model, settings.args, train, settings.start)
    weights = resolve_model(loaded, settings.weights.file) if settings.weights else None
    return dataclasses.replace(made, weights=weights)


def _student(loaded: Loaded, recipe: Recipe) -> Network:
    network = _network(
        loaded, recipe.student.model, recipe.student.args, student_training(recipe), recipe.student.start
    )
    network.make()  # what it cannot be built from shows before the teacher is trained for hours
    return network


def run_folder(job: Job, runs: Path) -> Path:
    """Return the folder of this job under `runs`: its name, and an id that hashes the recipe and the model files."""
    networks = [network.identity for network in (job.teacher, job.student, *job.also) if network]
    return runs / job.name / files.fingerprint({"recipe": job.recipe, "networks": networks})[:8]


def teacher_only(job: Job) -> Job:
    """Return the job of training the recipe's teacher from labels alone; its only network where it has no teacher."""
    if job.teacher is None:
        return dataclasses.replace(job, stages={}, targets=Targets(), recipe=job.recipe | {"stages": {}})
    if job.teacher.graph:
        raise RecipeError(f'the teacher is an ONNX file, "{job.teacher.graph.name}": there is nothing to train')
    if tasks.get(job.task).targets == "vector":
        raise RecipeError(f"{job.task} has no labels that the teacher could be trained by")
    teacher = dataclasses.replace(job.teacher, weights=None)
    recipe = job.recipe | {"stages": {}, "teacher": job.recipe["teacher"] | {"weights": None}}
    return dataclasses.replace(job, teacher=teacher, student=None, stages={}, targets=Targets(), recipe=recipe)
