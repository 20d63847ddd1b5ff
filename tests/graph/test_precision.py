import onnx.parser
import pytest

from edgekit.graph import precision

HEAD = '<ir_version: 10, opset_import: ["": 21, "com.microsoft": 1]>\n'
SIX = "{1, 2, 3, 4, 5, 6}"


@pytest.mark.parametrize(
    ("weights", "body", "name"),
    [
        (f"float[6] w = {SIX}", "y = Add(x, w)", "fp32"),
        (f"float16[6] w = {SIX}", "c = Cast <to = 1> (w) y = Add(x, c)", "fp16"),
        (f"int8[2,3] w = {SIX}, float s = {{0.1}}", "c = DequantizeLinear(w, s) y = Add(x, c)", "int8"),
        (f"uint8[2,3] w = {SIX}, float[6] v = {SIX}", "c = Cast <to = 1> (w) d = Add(x, v) y = Add(d, c)", "int8+fp32"),
        (f"int64[6] w = {SIX}", "y = Add(x, x)", None),
        ("", "y = Add(x, x)", None),
    ],
    ids=["floats", "halves", "scales are no weights", "two kinds", "shapes are no weights", "none"],
)  # fmt: skip
def test_weights_are_named_by_what_they_are_kept_in(weights, body, name):
    model = onnx.parser.parse_model(f"{HEAD}g (float[N,6] x) => (float[N,6] y) <{weights}> {{ {body} }}")
    assert precision.of_weights(model) == name


def test_a_few_biases_are_not_named():
    numbers = ", ".join(["1"] * 100)
    model = onnx.parser.parse_model(
        f"{HEAD}g (float[N,100] x) => (float[N,100] y) <int8[100] w = {{{numbers}}}, float[6] b = {SIX}>"
        "{ c = Cast <to = 1> (w) y = Add(x, c) }"
    )
    assert precision.of_weights(model) == "int8"


def test_four_bits_are_told_from_the_operator_that_unpacks_them():
    numbers = ", ".join(["1"] * 16)
    model = onnx.parser.parse_model(
        f"{HEAD}g (float[N,32] x) => (float[N,1] y) <uint8[1,1,16] w = {{{numbers}}}, float[1] s = {{1}}>"
        "{ y = com.microsoft.MatMulNBits <K = 32, N = 1, bits = 4, block_size = 32> (x, w, s) }"
    )
    assert precision.of_weights(model) == "int4"
