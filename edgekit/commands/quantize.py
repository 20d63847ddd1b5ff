"""edgekit quantize: 8-bit integers under an accuracy budget. Imports typer alone until it runs."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    model: Annotated[str, typer.Argument(help="A float model: bundle, .onnx file or run.")],
    data: Annotated[str, typer.Option(help="Real examples: .npz with y if known, .npy, or pictures.")],
    output: Annotated[str, typer.Option("--out", "-o", help="The bundle or .onnx file.")],
    max_drop: Annotated[
        float, typer.Option("--max-drop-points", min=0, metavar="POINTS", show_default=False, help="May be lost; 0.5.")
    ] = 0.5,
    min_speedup: Annotated[float, typer.Option(min=0, metavar="X", help="Must be faster than this; 0: any.")] = 1.0,
    min_shrink: Annotated[
        float | None, typer.Option(min=1, metavar="X", help="Or so much smaller, and not slower; tries fp16.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="auto, or a way to quantize; see the table.", show_default=False)
    ] = "auto",
    calibration: Annotated[
        str, typer.Option(help="Or percentile, entropy: cuts outliers off.", show_default=False)
    ] = "min-max",
    samples: Annotated[int, typer.Option(min=16, metavar="N", help="Examples to calibrate on.")] = 256,
    correct: Annotated[bool, typer.Option("--correct/--no-correct", help="Correct biases.")] = True,
    exclude: Annotated[list[str] | None, typer.Option(help="A node to leave in float in any case.")] = None,
    target: Annotated[str, typer.Option(help="Else vnni, avx2, arm, cuda, tensorrt.", show_default=False)] = "here",
    device: Annotated[str, typer.Option(help="Where it is timed.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Threads within an operator.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.1, metavar="S", help="For each comparison.")] = 10.0,
    keep_anyway: Annotated[bool, typer.Option("--keep-anyway", help="Write the nearest, budget or not.")] = False,
    record: Annotated[str | None, typer.Option(help="Also write all that was tried, as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on the last line of stdout.")] = False,
) -> None:
    """Quantize a model after training, as far as it pays and keeps the budget.

    Every kind of 8 bits is timed beside the float model. Of what is faster and loses too much, layers go back to float,
    the most sensitive first. Half of the examples are calibrated on and half judged: by their labels, or by how often
    the answer stays the float model's. Ends with 3 where nothing is kept.

    Example: edgekit quantize runs/digits/1a2b3c4d --data digits.npz -o small
    """
    from pathlib import Path

    from edgekit import console, files
    from edgekit.commands import quantize_table
    from edgekit.commands.finding import model_path
    from edgekit.errors import TargetMissed
    from edgekit.extras import need_all

    need_all(["onnx", "onnxruntime"])
    from edgekit.compression.quantizing import quantize

    done = quantize(
        model_path(model), data, output, max_drop_points=max_drop, min_speedup=min_speedup, min_shrink=min_shrink,
        method=method, calibration=calibration, samples=samples, correct=correct, exclude=exclude or (), target=target,
        device=device, threads=threads, seconds=seconds, keep_anyway=keep_anyway,
    )  # fmt: skip
    if record:
        files.write_json(Path(record), done.record)
    if as_json:
        console.result(done.record | {"out": str(done.path) if done.path else None})
    else:
        quantize_table.print_outcome(done.record)
        console.answer(f"written: {done.path}" if done.path else "nothing was written")
    if not done.path:
        faster = done.best["speed"]["low"] > min_speedup
        hint = "allow more with --max-drop-points, or take" if faster else "the float model is best here; or take"
        raise TargetMissed(done.reason, f"{hint} the nearest with --keep-anyway")
