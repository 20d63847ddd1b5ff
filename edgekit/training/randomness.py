"""Random numbers for an epoch, drawn from the seed and the epoch alone, and the caller's own left as they were."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch


@contextlib.contextmanager
def seeded(seed: int, epoch: int) -> Iterator[None]:
    """Seed every generator that models, loaders and losses may draw from; on leaving, give all their states back."""
    mixed = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    own, numpys = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(mixed)
        random.seed(mixed)
        np.random.seed(mixed)
        try:
            yield
        finally:
            random.setstate(own)
            np.random.set_state(numpys)
