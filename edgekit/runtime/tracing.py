"""Has a session keep a record of its runs, node by node: onnxruntime's profiler. Imports nothing but Python's own."""

from __future__ import annotations

import os
from typing import Any

OPTIMIZED = "optimized.onnx"  # the graph that runs, as onnxruntime made it of the file; its weights lie beside it


def write(settings: Any, folder: str, *, saved: bool) -> None:
    """Write into `onnxruntime.SessionOptions` that every run is recorded in `folder`, and the graph that runs `saved`.

    onnxruntime refuses to save a graph of which another provider than its own for the CPU has compiled a part.
    """
    settings.enable_profiling = True
    settings.profile_file_prefix = os.path.join(folder, "runs")
    if saved:
        settings.optimized_model_filepath = os.path.join(folder, OPTIMIZED)
        entry = "session.optimized_model_external_initializers"
        settings.add_session_config_entry(f"{entry}_file_name", "weights")
        settings.add_session_config_entry(f"{entry}_min_size_in_bytes", "1024")
