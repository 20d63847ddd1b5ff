"""A model that answers: arrays in and out for programs, and `predict` for people. numpy and onnxruntime alone.

The predictors, and what they need, are imported by the first `predict`, binding by the first `bind`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.errors import InputError
from edgekit.runtime.feeds import Feeds
from edgekit.runtime.session import Session
from edgekit.signature import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from edgekit.manifest import Manifest
    from edgekit.runtime.bind import Bound
    from edgekit.runtime.devices.placement import Placement
    from edgekit.runtime.predictors.prediction import Answer
    from edgekit.runtime.splitting import Splitting
    from edgekit.runtime.streaming import Stream


class Model:
    """An open bundle or ONNX file.

    `inputs`, `outputs`: Tensors. `labels`: class names, or empty. `manifest`: what the bundle says of itself; None
    for a bare ONNX file. `session`: the Session that runs it. `name`: the bundle's, or the file's. `folder`: where the
    bundle lies, None for a bare file. Safe to call from several threads.
    """

    __slots__ = ("_feeds", "_run", "_splitting", "folder", "inputs", "labels", "manifest", "name", "outputs", "session")

    def __init__(
        self,
        name: str,
        session: Session,
        manifest: Manifest | None,
        cast: bool = False,
        folder: str | None = None,
        max_batch: int | None = None,
    ) -> None:
        self.name = name
        self.folder = folder
        self.session = session
        self.manifest = manifest
        self.inputs: list[Tensor] = manifest.inputs if manifest else session.inputs
        self.outputs: list[Tensor] = manifest.outputs if manifest else session.outputs
        self.labels: list[str] = manifest.labels if manifest else []
        self._feeds = Feeds(self.inputs, cast)
        self._splitting: Splitting | None = None
        if max_batch is not None:
            from edgekit.runtime.splitting import Splitting

            self._splitting = Splitting(session.run, self.inputs, self.outputs, max_batch)
        self._run: Callable[[dict[str, Any]], dict[str, Any]] = self._splitting or session.run

    def __call__(self, feeds: Any) -> dict[str, Any]:
        """Run on a dict of arrays by input name, or on one array for a model of one input.

        Return arrays by output name. Names, dtypes, ranks and dimensions are checked before the run, and that one name
        of a dimension stands for one size: InputError says what was given and what was expected.
        """
        return self._run(self._feeds(feeds))

    def bind(self, feeds: Any = None, /, *, batch: int | None = None, **shapes: tuple[int, ...]) -> Bound:
        """Return a call with arrays of its own, quicker than this one: `edgekit.runtime.bind.Bound` says how to use it.

        The arrays are copies of `feeds`, or zeros: `bind(batch=4)` for models whose other dimensions are fixed,
        `bind(image=(4, 28, 28, 1))` for the rest. InputError where they do not fit or have more rows than `max_batch`,
        UsageError for texts and lists.
        """
        from edgekit.runtime.bind import Bound, blank

        if feeds is not None and (batch is not None or shapes):
            raise InputError("bind was given arrays and sizes too", "leave one out: arrays have their own sizes")
        arrays = self._feeds(blank(self.inputs, batch, shapes) if feeds is None else feeds)
        if self._splitting:
            self._splitting.check(arrays)
        return Bound(self.session, arrays)

    def prebuild(self) -> float:
        """Have TensorRT build its engines now, by runs on zeros; return the seconds it took. On any device it warms up.

        The sizes are the greatest and the least of those that `load` was given, as `shapes` or `max_batch`, and 1 for a
        dimension that neither names. For where an image is built, or before a service takes its first request.
        """
        from edgekit.runtime.devices import engines

        return engines.prebuild(self.session.run, self.inputs, self.session.shapes)

    def placement(self) -> Placement:
        """Return which device runs which nodes; DeviceError where this onnxruntime keeps no record of it."""
        return self.session.placement()

    def close(self) -> None:
        """Let go of the session, once the calls under way are done; a call after it is a UsageError.

        Its memory is free then, unless a bound call is left: that runs on, and holds the session until it is closed.
        """
        self.session.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def check(self, feeds: Any) -> dict[str, Any]:
        """Return the arrays a run on `feeds` would take, by input name; InputError where they do not fit."""
        return self._feeds(feeds)

    def predict(self, x: Any, top: int = 1) -> Answer | list[Answer]:
        """Answer for people: one answer for one thing, a list of them for a list or a batch.

        What `x` may be, and what the answer holds, is the task's: `edgekit.runtime.predictors` has the table. `top` is
        how many of the likeliest labels each answer carries.
        """
        from edgekit.runtime import predictors

        return predictors.predict(self, x, top)

    def generate(
        self,
        prompt: str,
        *,
        length: int = 200,
        temperature: float = 0.0,
        top_k: int | None = None,
        seed: int = 0,
        stop: str | None = None,
    ) -> Iterator[str]:
        """Return what yields the text that goes on from `prompt`, in pieces: `for piece in model.generate("def ")`.

        `length`: how many tokens. `temperature` 0 takes the likeliest token each time; above it they are drawn, from
        the `top_k` likeliest, the same for the same `seed`. The text ends before `stop`, which is not yielded. Each
        call has a state and arrays of its own, and belongs to the thread it was made in.

        BundleError where the model writes no text, InputError where the prompt has what is no token of it and none
        stands for what it does not know.
        """
        from edgekit.runtime.generation import generate

        return generate(self, prompt, length, temperature, top_k, seed, stop)

    def stream(self, hop: int | None = None, *, length: int | None = None, top: int = 1) -> Stream:
        """Return what answers while a sensor measures: `stream.feed(samples)` gives an answer for each full window.

        `hop`: how many samples lie between the beginnings of two windows, `length` how many a window has, where the
        bundle leaves them open. `top` is how many of the likeliest labels each answer carries. BundleError where the
        model takes no windows.
        """
        from edgekit.runtime.streaming import Stream

        return Stream(self, hop, length, top)

    def __repr__(self) -> str:
        task = f", {self.manifest.task}" if self.manifest else ""
        signature = f"{', '.join(map(str, self.inputs))} -> {', '.join(map(str, self.outputs))}"
        return f"Model({self.name!r}{task}, {signature}, {self.session.where()})"
