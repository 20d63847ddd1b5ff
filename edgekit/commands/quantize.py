"""edgekit quantize: 8-bit integers under an accuracy budget. Imports typer alone until it runs."""

from __future__ import annotations

from typing import Annotated

import typer

_BATCH = 8  # examples that are run at a time


def command(
    model: Annotated[str, typer.Argument(help="A float model: bundle, .onnx file or run.")],
    data: Annotated[str, typer.Option(help="Real examples: .npz with y if known, .npy, or pictures.")],
    output: Annotated[str, typer.Option("--out", "-o", help="The bundle or .onnx file.")],
    max_drop: Annotated[
        float, typer.Option("--max-drop-points", min=0, metavar="POINTS", show_default=False, help="May be lost; 0.5.")
    ] = 0.5,
    min_speedup: Annotated[float, typer.Option(min=1, metavar="X", help="Must be faster than this.")] = 1.0,
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
    import tempfile
    from pathlib import Path

    from edgekit import console, files
    from edgekit.commands import quantize_table, quantized
    from edgekit.commands.finding import model_path
    from edgekit.errors import TargetMissed
    from edgekit.extras import need_all

    need_all(["onnx", "onnxruntime"])
    from edgekit.compression.calibrating import share
    from edgekit.compression.post_training import Asked, search, side_by_side
    from edgekit.compression.scoring import metric
    from edgekit.compression.ways import Workshop, batches
    from edgekit.graph.original import Original
    from edgekit.runtime.bundle import load

    ways, notes = quantized.ways(method, target)
    how = quantized.calibration(calibration)
    place = model_path(model)
    opened = load(place, device=device, threads=threads)
    out = quantized.check_output(Path(output), place)
    shared = share(*quantized.examples(data, opened), opened.inputs, samples)
    at_a_time = quantized.batch(opened, _BATCH)
    name, score = metric(opened.session, batches(shared.judging, at_a_time), shared.labels)
    judged = len(next(iter(shared.judging.values())))
    console.say(f"{name} on {judged} examples, calibrated on {len(next(iter(shared.calibration.values())))} others")
    original = Original(quantized.onnx_file(place, opened), exclude or ())
    workshop = Workshop(original, batches(shared.calibration, at_a_time), how, correct)
    asked = Asked(max_drop, min_speedup, ways, device, threads, seconds, must_pay=target == "here")
    request = batches(shared.judging, quantized.batch(opened, 1))[0]
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        outcome = search(workshop, score, side_by_side(request, asked), asked, Path(folder), console.say)
        kept = outcome.chosen or (outcome.nearest if keep_anyway else None)
        said = quantized.told(outcome, kept, workshop, asked, target, {"name": name, "n": judged})
        said["notes"] = [*shared.notes, *notes]
        said["measured"]["batch"] = quantized.batch(opened, 1)
        if record:
            files.write_json(Path(record), said)
        if kept:
            quantized.write(out, kept, opened, place, said, request)
    if as_json:
        console.result(said | {"out": str(out) if kept else None})
    else:
        quantize_table.print_outcome(said)
        console.answer(f"written: {out}" if kept else "nothing was written")
    if not kept:
        faster = outcome.nearest.speed["low"] > min_speedup
        hint = "allow more with --max-drop-points, or take" if faster else "the float model is best here; or take"
        raise TargetMissed(said["reason"], f"{hint} the nearest with --keep-anyway")
