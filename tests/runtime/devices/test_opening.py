"""What can be told of an opening with the CPU alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from edgekit.errors import BundleError, DeviceError, InputError, UsageError
from edgekit.runtime import bundle
from edgekit.runtime.devices import nvidia, options, placement, providers, shapes
from edgekit.runtime.devices.naming import Device, Request
from edgekit.runtime.devices.opening import Opening, _elsewhere
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor

NEGATE = "(float[N,3] x) => (float[N,3] y) { y = Neg(x) }"

recorded = pytest.mark.skipif(not placement.recorded(), reason="this onnxruntime keeps no record of placement")


def no_gpu() -> bool:
    try:
        return not nvidia.gpus()
    except DeviceError:
        return True


def test_auto_says_what_it_passed_over_and_why(graph: Callable[..., bytes]) -> None:
    session = open_session(graph(NEGATE), device="auto")
    order = ["cuda", "openvino", "cpu"]
    assert list(session.refused) == order[: order.index(session.device)]
    assert all(session.refused.values())


def test_where_no_device_runs_every_reason_is_told(graph: Callable[..., bytes]) -> None:
    if not no_gpu():
        pytest.skip("this machine has a GPU")
    with pytest.raises(DeviceError) as caught:
        open_session(graph(NEGATE), device="cuda:1", fallback=["tensorrt:1"])
    assert '"cuda:1"' in str(caught.value) and '"tensorrt:1"' in str(caught.value)


@recorded
def test_the_cpus_nodes_are_counted_too(graph: Callable[..., bytes]) -> None:
    session = open_session(graph("(float[N] x) => (float[N] y) { a = Neg(x) y = Add(a, x) }"))
    assert session.placement().nodes == {"cpu": {"Neg": 1, "Add": 1}}
    assert open_session(graph(NEGATE), placement="strict").device == "cpu"


@pytest.mark.skipif(placement.recorded(), reason="this onnxruntime keeps a record of placement")
def test_an_older_onnxruntime_says_that_it_keeps_no_record(graph: Callable[..., bytes]) -> None:
    with pytest.raises(DeviceError, match=r"keeps no record"):
        open_session(graph(NEGATE)).placement()


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("placement", {"placement": "loose"}),
        ("options", {"device": "auto", "options": {"a": 1}}),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    said: str, settings: dict[str, Any], graph: Callable[..., bytes]
) -> None:
    with pytest.raises(UsageError, match=said):
        open_session(graph(NEGATE), **settings)


def test_a_broken_model_is_the_models_fault_whatever_the_device(graph: Callable[..., bytes]) -> None:
    for device in ("cpu", "auto"):
        with pytest.raises(BundleError, match="damaged, or no ONNX file"):
            open_session(b"nonsense", device=device, fallback=() if device == "auto" else ["cpu"])


def opening(**settings: Any) -> Opening:
    asked = {"content": b"", "name": "it", "threads": 1, "optimize": True, "spinning": True, "strict": False}
    return Opening(**{**asked, "cuda_helps": False, "shapes": None, "max_batch": None, "inputs": None, **settings})


@pytest.mark.parametrize(
    ("nodes", "settings", "said"),
    [
        ({"cpu": {"Conv": 2}}, {}, "runs nothing of it: cpu: 2 nodes (2 Conv)"),
        ({"cuda": {"Conv": 2}}, {}, "runs nothing of it: cuda"),
        ({"tensorrt": {"Conv": 2}, "cpu": {"TopK": 1}}, {"strict": True, "cuda_helps": True}, "cpu: 1 node (TopK)"),
        ({"tensorrt": {"Conv": 2}, "cuda": {"TopK": 1}}, {"strict": True}, "cuda: 1 node (TopK)"),
        ({"tensorrt": {"Conv": 2}, "cuda": {"TopK": 1}}, {"strict": True, "cuda_helps": True}, None),
        ({"tensorrt": {"Conv": 2}, "cpu": {"TopK": 1}}, {}, None),
        ({}, {"strict": True}, None),
    ],
    ids=["nothing", "all-left", "left-to-cpu", "left-to-cuda", "cuda-helps", "not-strict", "no-nodes"],
)
def test_tensorrt_must_run_something_and_where_strict_everything(
    nodes: dict[str, dict[str, int]], settings: dict[str, bool], said: str | None
) -> None:
    placed = placement.Placement("tensorrt", nodes)
    if said is None:
        opening(**settings)._look(Device("tensorrt"), placed)
        return
    with pytest.raises(DeviceError) as caught:
        opening(**settings)._look(Device("tensorrt"), placed)
    assert said in str(caught.value)
    assert ('placement="gpu"' in str(caught.value.hint)) == ("cuda" in said and "strict" in settings)


@pytest.mark.parametrize(
    ("said", "strict", "helps"), [("any", False, True), ("strict", True, False), ("gpu", True, True)]
)
def test_cuda_helps_tensorrt_unless_no_node_may_leave_it(
    said: Any, strict: bool, helps: bool, graph: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []
    looked: list[tuple[bool, bool]] = []

    def request(device: Device, source: bytes, given: object, *, cuda_helps: bool, **more: object) -> Request:
        asked.append((str(device), cuda_helps))
        raise DeviceError("not here")

    monkeypatch.setattr(providers, "request", request)
    monkeypatch.setattr(Opening, "_look", lambda self, *given: looked.append((self.strict, self.cuda_helps)))
    assert open_session(graph(NEGATE), device="tensorrt", fallback=["cuda", "cpu"], placement=said).device == "cpu"
    assert asked == [("tensorrt", helps), ("cuda", helps)]
    assert looked == [(strict, helps)] * placement.recorded()


def test_nodes_may_only_stay_on_a_gpu_where_one_was_asked_for(graph: Callable[..., bytes]) -> None:
    with pytest.raises(UsageError, match='placement is "gpu", and the device "cpu"'):
        open_session(graph(NEGATE), placement="gpu")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Have any device open on the CPU under its own name, after the real checks; return the inputs known to them."""
    asked: list[Any] = []

    def request(device: Device, source: bytes, given: dict[str, str] | None, **settings: Any) -> Request:
        inputs = settings["inputs"]
        asked.append(inputs and list(map(str, inputs)))
        mine = options.written(given)
        options.check(device, mine, inputs, plugin=False)
        if device.kind == "tensorrt" and inputs is not None:
            shapes.profile(inputs, shapes.settled(settings["shapes"], settings["max_batch"], inputs))
        return Request("CPUExecutionProvider", None, graphs=options.graphs(mine))

    monkeypatch.setattr(providers, "request", request)
    monkeypatch.setattr(Opening, "_look", lambda self, device, placed: None)
    return asked


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"device": "tensorrt"}, UsageError, 'none is said of "N"'),
        ({"device": "cuda", "options": {"enable_cuda_graph": True}}, InputError, "replays one shape"),
    ],
    ids=["tensorrt", "graph"],
)
def test_what_a_bare_file_takes_is_checked_once_it_is_known(
    settings: dict[str, Any], error: type[Exception], said: str, graph: Callable[..., bytes], known: list[Any]
) -> None:
    with pytest.raises(error, match=said):
        open_session(graph(NEGATE), **settings)
    assert known == [None, ["x: float32[N,3]"]]


@pytest.mark.parametrize("sizes", [{"shapes": {"N": (1, 2, 3)}}, {"max_batch": 3}], ids=["shapes", "max-batch"])
def test_a_bare_file_is_opened_again_for_the_sizes_said(
    sizes: dict[str, Any], graph: Callable[..., bytes], known: list[Any]
) -> None:
    session = open_session(graph(NEGATE), device="tensorrt", **sizes)
    assert len(known) == 2 and session.device == "tensorrt"
    assert session.shapes["N"][::2] == (1, 3)
    open_session(graph("(float[2,3] x) => (float[2,3] y) { y = Neg(x) }"), device="tensorrt")
    assert len(known) == 3  # of fixed sizes once is enough


def test_a_session_knows_that_it_records_cuda_graphs(graph: Callable[..., bytes], known: list[Any]) -> None:
    fixed = graph("(float[2,3] x) => (float[2,3] y) { y = Neg(x) }")
    assert open_session(fixed, device="cuda", options={"enable_cuda_graph": 1})._graphs
    assert not open_session(fixed, device="cuda")._graphs


def test_shapes_are_checked_on_every_device(graph: Callable[..., bytes]) -> None:
    with pytest.raises(UsageError, match='shapes names "M"'):
        open_session(graph(NEGATE), shapes={"M": (1, 2, 3)})
    with pytest.raises(UsageError, match='shapes says 3 of "N"'):
        open_session(b"never opened", shapes={"N": 3})  # type: ignore[dict-item]
    with pytest.raises(UsageError, match='shapes names "M"'):
        open_session(b"never opened", shapes={"M": (1, 2, 3)}, inputs=[Tensor.parse("x: float32[N,3]")])
    assert open_session(graph(NEGATE), shapes={"N": (1, 2, 3)}).shapes == {"N": (1, 2, 3)}


def test_a_session_that_comes_up_elsewhere_is_refused(
    graph: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As onnxruntime does it: the device is asked for, and what comes is the CPU.
    request = Request("CUDAExecutionProvider", [("CPUExecutionProvider", {})])
    monkeypatch.setattr(providers, "request", lambda *given, **more: request)
    with pytest.raises(DeviceError, match='asked for device "cuda", but the session came up on "cpu"'):
        open_session(graph(NEGATE), device="cuda")


def test_what_onnxruntime_said_meanwhile_is_told() -> None:
    error = _elsewhere(Device("cuda", "1"), "CPUExecutionProvider", "no such thing")
    assert str(error) == 'asked for device "cuda:1", but the session came up on "cpu": no such thing'
    assert _elsewhere(Device("mlx"), "OtherExecutionProvider", "").hint


def test_a_symbolic_dimension_that_is_computed_has_no_name(graph: Callable[..., bytes]) -> None:
    model = onnx.load_model_from_string(graph("(float[N,3] x) => (float[M,3] y) { y = Concat<axis = 0>(x, x) }"))
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "2*s0"
    assert str(open_session(model.SerializeToString()).outputs[0]) == "y: float32[_,3]"


def test_load_passes_on_how_a_model_is_to_be_opened(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(bundle, "open_session", lambda *a, **settings: asked.append(settings) or open_session(*a))
    bundle.load(vectors)
    bundle.load(vectors, fallback=["cpu"], placement="strict", options={"a": 1}, spinning=False, max_batch=8)
    bundle.load(vectors, max_batch=8, shapes={"N": (2, 3, 4)})
    assert [str(tensor) for tensor in asked[0].pop("inputs")] == ["x: float32[N,3]"]
    assert asked[0] == {"fallback": (), "placement": "any", "options": None, "shapes": None, "spinning": True}
    assert asked[1]["max_batch"] == 8 and asked[1]["options"] == {"a": 1}
    assert (asked[1]["fallback"], asked[1]["placement"], asked[1]["spinning"]) == (["cpu"], "strict", False)
    assert asked[2]["shapes"] == {"N": (2, 3, 4)}


@recorded
def test_a_model_says_its_placement(vectors: Path) -> None:
    assert bundle.load(vectors).placement().nodes == {"cpu": {"Softmax": 1}}
