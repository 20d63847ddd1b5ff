from __future__ import annotations

import pytest

from edgekit.errors import ExportError, UsageError
from edgekit.exporting import triton
from edgekit.exporting.triton import Serving, Warmup, batched, config
from edgekit.signature import Tensor


def read(text: str):
    """Parse by the published schema, as the server does."""
    schema = triton.schema()
    if schema is None:
        pytest.skip("tritonclient, which carries the published schema, is not installed")
    from google.protobuf import text_format

    return text_format.Parse(text, schema.ModelConfig()), schema


def written(inputs, outputs, labels=(), warmup=None, **said) -> str:
    inputs, outputs = ([Tensor.parse(line) for line in lines] for lines in (inputs, outputs))
    kept = warmup or Warmup({tensor.name: [3] * (len(tensor.shape) - 1) for tensor in inputs}, {})
    return config(Serving.parse({"name": "net", **said}), inputs, outputs, labels, kept)


def test_the_signature_stands_without_the_batch_which_the_server_puts_together():
    text = written(
        ["image: uint8[N,28,28,1]"], ["probabilities: float32[N,3]"], ["a", "b", "c"],
        Warmup({"image": [28, 28, 1]}, {"image": "image.raw"}), max_batch=8, delay_us=250,
    )  # fmt: skip
    said, schema = read(text)
    assert (said.name, said.backend, said.max_batch_size) == ("net", "onnxruntime", 8)
    (given,), (answer,) = said.input, said.output
    assert (given.name, given.data_type, list(given.dims)) == ("image", schema.TYPE_UINT8, [28, 28, 1])
    assert (answer.name, answer.data_type, list(answer.dims)) == ("probabilities", schema.TYPE_FP32, [3])
    assert answer.label_filename == "labels.txt"
    assert said.dynamic_batching.max_queue_delay_microseconds == 250
    assert [(warm.batch_size, warm.inputs["image"].input_data_file) for warm in said.model_warmup] == [
        (1, "image.raw"),
        (8, "image.raw"),
    ]
    assert list(said.model_warmup[0].inputs["image"].dims) == [28, 28, 1]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"])
def test_every_dtype_has_its_name(dtype):
    said, schema = read(written([f"x: {dtype}[N,3]"], ["y: float32[N,1]"]))
    named = {"float16": "FP16", "float32": "FP32", "float64": "FP64"}.get(dtype, dtype.upper())
    assert said.input[0].data_type == getattr(schema, f"TYPE_{named}")


def test_a_model_of_one_fixed_size_gets_no_batches():
    said, _ = read(written(["x: float32[1,3]"], ["y: float32[1,2]"]))
    assert said.max_batch_size == 0
    assert list(said.input[0].dims) == [1, 3]
    assert not said.HasField("dynamic_batching")
    assert [warm.batch_size for warm in said.model_warmup] == [1]


def test_a_dimension_of_any_size_is_minus_one():
    said, _ = read(written(["ids: int64[N,T]"], ["logits: float32[N,T,9]"]))
    assert list(said.input[0].dims) == [-1]
    assert list(said.output[0].dims) == [-1, 9]


def test_an_answer_of_nothing_but_the_batch_is_reshaped():
    said, _ = read(written(["x: float32[N,3]"], ["class: int64[N]"]))
    assert list(said.output[0].dims) == [1]
    assert said.output[0].HasField("reshape")
    assert list(said.output[0].reshape.shape) == []


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        (["x: float32[N,3]"], ["y: float32[N,2]"], True),
        (["x: float32[N,3]", "z: float32[M,3]"], ["y: float32[N,2]"], False),
        (["x: float32[N,3]"], ["y: float32[]"], False),
        (["x: float32[2,3]"], ["y: float32[2,2]"], False),
    ],
    ids=["one name", "two names", "a scalar", "fixed"],
)
def test_requests_are_put_together_only_where_all_begin_with_the_same_dimension(inputs, outputs, expected):
    assert batched(*([Tensor.parse(line) for line in lines] for lines in (inputs, outputs))) == expected


def test_the_server_keeps_the_states_of_every_conversation():
    said, schema = read(
        written(["ids: int64[N,1]", "h: float32[N,2,16]"], ["logits: float32[N,1,9]", "next_h: float32[N,2,16]"])
    )
    assert [each.name for each in (*said.input, *said.output)] == ["ids", "logits"]
    (state,) = said.sequence_batching.state
    assert (state.input_name, state.output_name, list(state.dims)) == ("h", "next_h", [2, 16])
    (begin,) = state.initial_state
    assert (begin.zero_data, begin.data_type, list(begin.dims)) == (True, schema.TYPE_FP32, [2, 16])
    assert not said.HasField("dynamic_batching")
    assert not said.model_warmup


@pytest.mark.parametrize(
    ("device", "kind", "gpus"),
    [
        ("cpu", "KIND_CPU", []),
        ("cuda", "KIND_GPU", []),
        ("cuda:0,1", "KIND_GPU", [0, 1]),
        ("tensorrt:2", "KIND_GPU", [2]),
    ],
)
def test_instances_run_where_they_are_told(device, kind, gpus):
    said, schema = read(written(["x: float32[N,3]"], ["y: float32[N,1]"], device=device, instances=2))
    (group,) = said.instance_group
    assert (group.count, group.kind, list(group.gpus)) == (2, getattr(schema.ModelInstanceGroup, kind), gpus)
    accelerators = [each.name for each in said.optimization.execution_accelerators.gpu_execution_accelerator]
    assert accelerators == (["tensorrt"] if device.startswith("tensorrt") else [])
    assert ("intra_op_thread_count" in said.parameters) == (device == "cpu")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"max_bach": 4}, 'there is no setting "max_bach"'),
        ({"max_batch": 0}, "max_batch=0 is no whole number from 1 on"),
        ({"version": -1}, "version=-1 is no whole number from 0 on"),
        ({"instances": "two"}, "instances=two is no whole number"),
        ({"device": "tpu"}, 'a server has no device "tpu"'),
        ({"device": "cuda:a"}, 'a server has no device "cuda:a"'),
        ({"device": "cpu:1"}, "the cpu has no number"),
        ({"name": "my model"}, '"my model" cannot name a model'),
    ],
    ids=lambda value: str(value),
)
def test_a_setting_that_is_none_is_named(said, told):
    with pytest.raises(UsageError, match=told):
        Serving.parse(said)


def test_what_the_schema_does_not_know_is_refused():
    if triton.schema() is None:
        pytest.skip("tritonclient is not installed")
    with pytest.raises(ExportError, match="not what Triton reads"):
        triton.check('nam: "net"\n')


def test_a_single_value_without_a_batch_has_no_empty_shape_and_one_with_a_batch_has():
    alone = [Tensor.parse("x: float32[4]")], [Tensor("y", "float32", ())]
    text = triton.config(Serving(name="net"), *alone, [], Warmup({"x": [4]}, {}))
    assert "reshape" not in text and "max_batch_size: 0" in text
    rows = [Tensor.parse("x: float32[N,4]")], [Tensor.parse("y: float32[N]")]
    assert "shape: []" in triton.config(Serving(name="net"), *rows, [], Warmup({"x": [4]}, {}))


def test_tensorrt_is_told_for_which_batches_to_build():
    rows = [Tensor.parse("x: float32[N,4,2]")], [Tensor.parse("y: float32[N,3]")]
    serving = Serving(name="net", device="tensorrt:0", max_batch=8)
    text = triton.config(serving, *rows, [], Warmup({"x": [4, 2]}, {}))
    assert [f'value: "x:{rows}x4x2"' in text for rows in (1, 8)] == [True, True]
    assert triton.check(text) == (triton.schema() is not None)
