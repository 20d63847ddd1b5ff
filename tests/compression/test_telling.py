"""What quantizing tells of where it was measured."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.parser
import pytest

from edgekit.compression.telling import measured_on

MACHINE = {"cpu": "a processor", "flags": ["avx512_vnni"], "cores": 2}
TEXT = '<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) {{ {nodes} }}'
FLOAT = "y = Relu(x)"
EIGHT_BITS = """
    scale = Constant<value_float = 0.1>()
    zero = Constant<value = uint8 {3}>()
    q = QuantizeLinear(x, scale, zero)
    y = DequantizeLinear(q, scale, zero)
"""


@pytest.mark.parametrize(
    ("nodes", "said"),
    [(FLOAT, {}), (EIGHT_BITS, {"kind_of_cpu": "a processor", "flags": ["avx512_vnni"]})],
    ids=["float", "8 bits"],
)
def test_the_kind_of_processor_stands_beside_what_8_bits_scored_and_beside_no_float(
    tmp_path: Path, nodes: str, said: dict[str, object]
) -> None:
    onnx.save(onnx.parser.parse_model(TEXT.format(nodes=nodes)), tmp_path / "model.onnx")
    assert measured_on(tmp_path / "model.onnx", MACHINE) == said
