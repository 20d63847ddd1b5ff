"""The teacher's answers: asked live, or kept on disk for a fixed number of augmented views.

A kept view is keyed by the teacher's weights and code, the data, the augmentation and the seed, and holds the logits of
every training example in order, so it serves any student, batch size and epoch that uses the same views.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgekit import console, files, locks
from edgekit.data.batches import Batches
from edgekit.training import placement
from edgekit.training.batches import TorchBatch, tensors


class LiveTeacher:
    """Asks the teacher for every batch."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module.eval()

    def prepare(self, batch: TorchBatch) -> None:
        """There is nothing to prepare."""

    @torch.inference_mode()
    def __call__(self, batch: TorchBatch) -> torch.Tensor:
        """Return the teacher's logits (b, classes)."""
        self._module.to(batch.inputs.device)
        answers: torch.Tensor = self._module(batch.inputs)
        return answers


class CachedTeacher:
    """Looks the teacher's logits up by view and example; a view that is missing or damaged is computed first."""

    def __init__(self, module: nn.Module, batches: Batches, identity: str, device: locks.Device) -> None:
        self._module = module.eval()
        self._batches = batches
        self._device = device
        examples = {part: batches.describe()[part] for part in ("data", "normalize", "augment", "view_seed")}
        key = files.fingerprint({"teacher": identity, "examples": examples})
        self.folder = files.home() / "teachers" / key[:32]
        self._views: dict[int, np.ndarray] = {}

    def prepare(self, batch: TorchBatch) -> None:
        """Load the batch's view, or compute it."""
        if batch.view not in self._views:
            self._views[batch.view] = self._load(batch.view)

    def __call__(self, batch: TorchBatch) -> torch.Tensor:
        """Return the teacher's logits (b, classes) float32 for the batch's view of its examples."""
        assert batch.index is not None
        return torch.from_numpy(self._views[batch.view][batch.index]).to(batch.inputs.device)

    def _load(self, view: int) -> np.ndarray:
        path = self.folder / f"view-{view}.npy"
        note = path.with_suffix(".sha256")
        if path.exists() and note.exists():
            if note.read_text() == files.sha256(path):
                return _mapped(path)
            console.say(f"{path}: the kept answers are damaged; asking the teacher again")
        content = io.BytesIO()  # by way of memory: of a full disk np.save says nothing that could be understood
        np.save(content, self._ask(view))
        with files.atomic(path) as temporary:
            temporary.write_bytes(content.getbuffer())
        files.write_text(note, files.sha256(path))
        return _mapped(path)

    @torch.inference_mode()
    def _ask(self, view: int) -> np.ndarray:
        answers = []
        device = placement.target()
        self._module.to(device)
        with console.bar(f"teacher's answers, view {view}", self._batches.examples) as bar:
            done = 0
            for batch in map(tensors, self._batches.in_order(view)):
                with self._device.busy():
                    answers.append(self._module(batch.inputs.to(device)).float().cpu().numpy())
                done += len(batch.targets)
                bar.update(done)
        return np.concatenate(answers)


def _mapped(path: Path) -> np.ndarray:
    logits: np.ndarray = np.load(path, mmap_mode="r")
    return logits


def answers(
    module: nn.Module, batches: Batches | None, views: int, identity: str, device: locks.Device
) -> LiveTeacher | CachedTeacher:
    """Keep the teacher's answers where the views are counted and the examples known; else ask it live."""
    if batches is None or not views:
        return LiveTeacher(module)
    return CachedTeacher(module, batches, identity, device)
