import onnx.parser
import pytest

from edgekit.graph import lookups

HEAD = '<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>\n'


def rows(text):
    return lookups.rows(onnx.parser.parse_model(HEAD + text))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("y = Gather(table, ids)", {"ids": 3}),
        ("y = Gather <axis = 1> (table, ids)", {"ids": 2}),
        ("y = Gather <axis = -1> (table, ids)", {"ids": 2}),
        ("a = Cast <to = 6> (ids) b = Identity(a) y = Gather(table, b)", {"ids": 3}),
        ("shape = Constant <value_ints = [-1]> () a = Reshape(ids, shape) y = Gather(table, a)", {"ids": 3}),
        ("t = Cast <to = 1> (table) y = Gather(t, ids)", {"ids": 3}),
        ("a = Gather(table, ids) y = Gather(small, ids)", {"ids": 2}),
        ("a = Gather(small, ids) y = Gather(table, ids)", {"ids": 2}),
        ("a = Add(ids, ids) y = Gather(table, a)", {}),
        ("y = Gather(ids, other)", {}),
        ("y = com.microsoft.EmbedLayerNormalization(ids, other, table, table, small)", {"ids": 3, "other": 2}),
    ],
    ids=[
        "gather", "another axis", "the last axis", "cast", "reshaped", "the table cast", "the smaller last",
        "the smaller first", "computed with", "a table that is fed", "fused",
    ],
)  # fmt: skip
def test_the_rows_of_the_table_that_an_input_numbers_are_found(body, found):
    text = f"""g (int64[N] ids, int64[M] other) => (float[N,2] y)
    <float[3,2] table = {{1, 2, 3, 4, 5, 6}}, float[2,2] small = {{1, 2, 3, 4}}> {{ {body} }}"""
    assert rows(text) == found


def test_floats_number_nothing():
    text = """g (float[N] x) => (float[N,2] y) <float[3,2] table = {1, 2, 3, 4, 5, 6}> {
        a = Cast <to = 7> (x) y = Gather(table, a) }"""
    assert rows(text) == {}
