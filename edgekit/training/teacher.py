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
from edgekit.data import augmentation, randomness
from edgekit.data import batches as batching
from edgekit.data.batches import Batches
from edgekit.training import placement
from edgekit.training.batches import TorchBatch, tensors


class LiveTeacher:
    """Asks the teacher for every batch."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module.eval()

    @torch.inference_mode()
    def __call__(self, batch: TorchBatch) -> torch.Tensor:
        """Return the teacher's logits (b, classes)."""
        self._module.to(batch.inputs.device)
        answers: torch.Tensor = self._module(batch.inputs)
        return answers


class CachedTeacher:
    """Looks the teacher's logits up by view and example, in the views it was filled with."""

    def __init__(self, network: nn.Module, batches: Batches, identity: str, device: locks.Device) -> None:
        self._module = network.eval()
        self._batches = batches
        self._device = device
        examples = {part: batches.describe()[part] for part in ("data", "normalize", "augment", "view_seed")}
        code = [files.sha256(Path(module.__file__ or "")) for module in (augmentation, batching, randomness)]
        key = files.fingerprint({"teacher": identity, "examples": examples, "code": code})
        self.folder = files.home() / "teachers" / key[:32]
        self._views: dict[int, np.ndarray] = {}

    def fill(self, views: int) -> None:
        """Have the answers to the first `views` views at hand: those on disk, and the others from the teacher."""
        self._views = {view: kept for view in range(views) if (kept := self._kept(view)) is not None}
        missing = [view for view in range(views) if view not in self._views]
        if missing:
            with console.bar("teacher's answers", len(missing) * self._batches.examples) as bar:
                for place, view in enumerate(missing):
                    self._views[view] = self._keep(view, self._ask(view, bar, place * self._batches.examples))

    def __call__(self, batch: TorchBatch) -> torch.Tensor:
        """Return the teacher's logits (b, classes) float32 for the batch's view of its examples."""
        assert batch.index is not None
        return torch.from_numpy(self._views[batch.view][batch.index]).to(batch.inputs.device)

    def _kept(self, view: int) -> np.ndarray | None:
        path = self._path(view)
        note = path.with_suffix(".sha256")
        if not path.exists() or not note.exists():
            return None
        if note.read_text() != files.sha256(path):
            console.say(f"{path}: the kept answers are damaged; asking the teacher again")
            return None
        return _mapped(path)

    def _keep(self, view: int, logits: np.ndarray) -> np.ndarray:
        path = self._path(view)
        content = io.BytesIO()  # by way of memory: of a full disk np.save says nothing that could be understood
        np.save(content, logits)
        with files.atomic(path) as temporary:
            temporary.write_bytes(content.getbuffer())
        files.write_text(path.with_suffix(".sha256"), files.sha256(path))
        return _mapped(path)

    def _path(self, view: int) -> Path:
        return self.folder / f"view-{view}.npy"

    @torch.inference_mode()
    def _ask(self, view: int, bar: console.Bar, done: int) -> np.ndarray:
        answers = []
        device = placement.target()
        self._module.to(device)
        for batch in map(tensors, self._batches.in_order(view)):
            with self._device.busy():
                answers.append(self._module(batch.inputs.to(device)).float().cpu().numpy())
            done += len(batch.targets)
            bar.update(done, f"view {view + 1}")
        return np.concatenate(answers)


def _mapped(path: Path) -> np.ndarray:
    logits: np.ndarray = np.load(path, mmap_mode="r")
    return logits


def answers(
    module: nn.Module, batches: Batches | None, epochs: int, identity: str, device: locks.Device
) -> LiveTeacher | CachedTeacher:
    """Keep the teacher's answers for `epochs` where the views are counted and the examples known; else ask it live."""
    if batches is None or not batches.views:
        return LiveTeacher(module)
    cached = CachedTeacher(module, batches, identity, device)
    cached.fill(min(batches.views, epochs))
    return cached
