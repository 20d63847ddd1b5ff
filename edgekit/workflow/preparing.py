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
from edgekit.data.dataset import Dataset
from edgekit.errors import DataError, RecipeError
from edgekit.exporting.deployment import Deployment
from edgekit.judging import Predict
from edgekit.recipe.loading import Loaded, resolve_model, resolved
from edgekit.recipe.plan import student_training
from edgekit.recipe.schema import Network as NetworkSettings
from edgekit.recipe.schema import Recipe, Targets, Train
from edgekit.signature import Tensor
from edgekit.stages.job import Job, Network, onnx_network
from edgekit.training.batches import ArraySource

_SCORING_BATCH = 256


def prepare(loaded: Loaded) -> Job:
    """Load what the recipe names and make the job of it. Raises DataError or ModelError where parts do not fit."""
    recipe = loaded.recipe
    task = tasks.get(recipe.task)
    dataset = examples.load(recipe.data, loaded.folder, recipe.data.seed)
    deployment = _deployment(recipe, dataset)
    for split in (dataset.train, dataset.validation, dataset.test):
        task.check(split.targets, len(dataset.labels))

    def source(settings: Train, views: int) -> ArraySource:
        return ArraySource(
            Batches(
                dataset.train,
                batch=settings.batch,
                seed=recipe.seed,
                view_seed=recipe.data.seed,
                normalize=recipe.data.normalize,
                augment=recipe.data.augment,
                views=views,
            )
        )

    def score(predict: Predict) -> dict[str, np.ndarray]:
        return {
            name: np.concatenate(
                [
                    task.score(predict(split.inputs[at : at + _SCORING_BATCH]), split.targets[at : at + _SCORING_BATCH])
                    for at in range(0, len(split.targets), _SCORING_BATCH)
                ]
            )
            for name, split in (("validation", dataset.validation), ("test", dataset.test))
        }

    def calibration(count: int) -> Iterator[dict[str, np.ndarray]]:
        chosen = np.random.default_rng(recipe.seed).permutation(len(dataset.train.targets))[:count]
        for at in range(0, len(chosen), 32):
            yield {deployment.input.name: dataset.train.inputs[np.sort(chosen[at : at + 32])]}

    return Job(
        name=recipe.name,
        task=recipe.task,
        metric=task.metric,
        seed=recipe.seed,
        teacher=_taught(loaded, recipe.teacher, recipe.teacher.train, deployment) if recipe.teacher else None,
        student=_student(loaded, recipe),
        baseline=recipe.student.baseline,
        stages=dict(recipe.stages),
        source=source,
        score=score,
        inputs=dataset.test.inputs[:64],
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
            "prepared": recipe.data.model_dump(mode="json", include={"seed", "normalize", "augment"}),
        },
        provenance=({"licence": recipe.licence} if recipe.licence else {})
        | {"recipe": resolved(recipe), "recipe_file": loaded.path.name},
        also=tuple(_taught(loaded, each, Train(epochs=0), deployment) for each in recipe.teacher.also)
        if recipe.teacher
        else (),
        classes=dataset.test.targets,
        pictures=(lambda places: dataset.test.inputs[places]) if deployment.is_image else None,
        recipe=resolved(recipe),
    )


def _deployment(recipe: Recipe, dataset: Dataset) -> Deployment:
    tensor = Tensor.parse(recipe.export.input)
    given = dataset.test.inputs
    fixed = [(asked, has) for asked, has in zip(tensor.shape[1:], given.shape[1:], strict=False) if asked != has]
    if tensor.dtype != str(given.dtype) or len(tensor.shape) != given.ndim or any(isinstance(a, int) for a, _ in fixed):
        raise DataError(
            f'export.input says "{tensor}"; the examples of "{recipe.data.source}" are'
            f" {given.dtype}[{','.join(map(str, given.shape))}]",
            "write export.input as the examples are, with a name for the batch",
        )
    normalize = recipe.data.normalize
    return Deployment(
        input=tensor,
        output=recipe.export.output,
        labels=tuple(dataset.labels),
        mean=tuple(normalize.mean) if normalize else (),
        std=tuple(normalize.std) if normalize else (),
        min_onnxruntime=recipe.export.min_onnxruntime,
    )


def _network(loaded: Loaded, model: str, args: dict[str, Any], train: Train) -> Network:
    path = resolve_model(loaded, model)
    return Network(
        make=lambda: modelfile.build(path, args),
        identity={"model": model, "sha256": files.sha256(path), "args": args},
        train=train,
    )


def _taught(loaded: Loaded, settings: NetworkSettings, train: Train, deployment: Deployment) -> Network:
    """Make a teacher of what the recipe says: a network, trained or to train, or an ONNX file."""
    if settings.onnx is not None:
        graph = resolve_model(loaded, settings.onnx)
        return onnx_network(graph, train, deployment.mean, deployment.std)
    assert settings.model
    made = _network(loaded, settings.model, settings.args, train)
    weights = resolve_model(loaded, settings.weights.file) if settings.weights else None
    return dataclasses.replace(made, weights=weights)


def _student(loaded: Loaded, recipe: Recipe) -> Network:
    network = _network(loaded, recipe.student.model, recipe.student.args, student_training(recipe))
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
    teacher = dataclasses.replace(job.teacher, weights=None)
    recipe = job.recipe | {"stages": {}, "teacher": job.recipe["teacher"] | {"weights": None}}
    return dataclasses.replace(job, teacher=teacher, student=None, stages={}, targets=Targets(), recipe=recipe)
