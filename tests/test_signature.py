from __future__ import annotations

import pytest

from edgekit.errors import InputError
from edgekit.signature import Tensor


@pytest.mark.parametrize(
    ("line", "name", "dtype", "shape"),
    [
        ("image: uint8[N,28,28,1]", "image", "uint8", ("N", 28, 28, 1)),
        ("  x :float32 [ batch , 16 ] ", "x", "float32", ("batch", 16)),
        ("scalar: int64[]", "scalar", "int64", ()),
        ("any: bool[_]", "any", "bool", ("_",)),
        ("mask: int64[N, P + T]", "mask", "int64", ("N", "P+T")),
        ("input:0: float32[N]", "input:0", "float32", ("N",)),
        ("a/b.c[0]: float16[3]", "a/b.c[0]", "float16", (3,)),
    ],
    ids=["image", "spaces", "scalar", "unnamed", "a sum", "colon in the name", "path as a name"],
)
def test_a_line_is_read_and_written_again(line, name, dtype, shape):
    tensor = Tensor.parse(line)
    assert (tensor.name, tensor.dtype, tensor.shape) == (name, dtype, shape)
    assert Tensor.parse(str(tensor)) == tensor


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("image", "is not a tensor"),
        ("", "is not a tensor"),
        ("image uint8[N]", "is not a tensor"),
        ("image: uint8", "is not a tensor"),
        ("image: uint8[N", "is not a tensor"),
        ("two words: uint8[N]", "is not a tensor"),
        ("image: uint9[N]", 'no dtype "uint9"'),
        ("image: uint8[N,0]", '"0" is no dimension'),
        ("image: uint8[N,-1]", '"-1" is no dimension'),
        ("image: uint8[N,P+]", '"P+" is no dimension'),
        ("image: uint8[N,P+2]", '"P+2" is no dimension'),
        ("image: uint8[N,2.5]", '"2.5" is no dimension'),
        ("image: uint8[N,²]", '"²" is no dimension'),
        ("image: uint8[N,,3]", '"" is no dimension'),
        ("image: uint8[N,28,]", '"" is no dimension'),
    ],
)
def test_a_line_that_is_no_tensor_says_why_and_what_to_write(line, said):
    with pytest.raises(InputError) as caught:
        Tensor.parse(line)
    assert said in str(caught.value)
    assert caught.value.hint


def test_equal_tensors_are_equal_as_keys():
    one, same, other = (Tensor.parse(line) for line in ("x: int8[N,2]", "x:int8[N, 2]", "x: int8[M,2]"))
    assert one == same
    assert len({one, same, other}) == 2
    assert one != "x: int8[N,2]"
    assert repr(one) == "Tensor('x: int8[N,2]')"
