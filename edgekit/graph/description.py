"""What is said of a graph: one schema, for people and programs. Imports nothing.

`edgekit inspect --schema` prints it; whoever changes the meaning of a field raises `SCHEMA` there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A node that has parameters or MACs.

    `name`: its path through the graphs it lies in. `macs`: None where a shape it takes is unknown. `parameters`: of
    weights that no layer before it uses. `output_shape`: with every dynamic dimension at 1; None where unknown.
    """

    name: str
    operator: str
    macs: int | None
    parameters: int
    output_shape: list[int] | None


@dataclass(frozen=True)
class Weight:
    """A constant; `bytes` are those of its elements as they are stored."""

    name: str
    dtype: str
    shape: list[int]
    bytes: int


@dataclass(frozen=True)
class Description:
    """What is in an ONNX file.

    `inputs`, `outputs`: as "image: uint8[N,28,28,1]"; "?" is a dynamic dimension without a name, "..." a shape that is
    not told. `dynamic`: the dynamic dimensions, each with where it stands, as "image[0]". `opset`: of the standard
    operators, None where the file names none; `domains`: of all others. `ir`: the format's version. `producer`: the
    program that wrote it. `nodes`: how many, and `operators`: how many of each, those in the bodies of If, Loop and
    Scan included; functions that the file defines are counted as what they hold.
    `parameters`: elements of all constants that are used as values. `macs`: multiply-accumulates of one run with every
    dynamic dimension at 1; None where those of a node are unknown or nobody counted, `macs_known` being the rest.
    `layers`: in the order of the graph; `largest`: the largest constants. `bytes`: of the file and of those its weights
    lie in; `external`: these, with their bytes, None where one is missing. `notes`: what one should know before
    believing the figures. `metadata`: the key-value pairs in the file.
    """

    inputs: list[str]
    outputs: list[str]
    dynamic: dict[str, list[str]]
    opset: int | None
    domains: dict[str, int]
    ir: int
    producer: str
    nodes: int
    operators: dict[str, int]
    parameters: int
    macs: int | None
    macs_known: int
    layers: list[Layer]
    largest: list[Weight]
    bytes: int
    external: dict[str, int | None]
    notes: list[str]
    metadata: dict[str, str]
