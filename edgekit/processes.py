"""Which of the processes of one launch this is, as torchrun and accelerate tell it. Imports nothing of PyTorch.

Without a launcher there is one process, the first; it leads: it alone writes, judges, times and talks.
"""

from __future__ import annotations

import os
from functools import cache
from typing import NamedTuple


class Process(NamedTuple):
    """The `rank` of this process among `size`, and its `local_rank` among the `local_size` on its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the first one."""
        return self.rank == 0

    def __str__(self) -> str:
        return f"process {self.rank + 1} of {self.size}"


@cache
def own() -> Process:
    """Return which process this is, by RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE of the environment."""
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local_rank, local_size = (int(os.environ[f"LOCAL_{name}"]) for name in ("RANK", "WORLD_SIZE"))
    except (KeyError, ValueError):
        return Process()
    return Process(rank, size, local_rank, local_size) if size > 1 else Process()
