import pytest

from edgekit.latency.fitting import misfit

SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "rate": {"$ref": "#/$defs/rate", "minimum": 2},
        "kind": {"enum": ["a", None]},
        "times": {"type": "array", "minItems": 1, "items": {"type": "integer"}},
        "parts": {"type": "array", "items": {"type": "object", "additionalProperties": False}},
        "either": {"anyOf": [{"required": ["x"]}, {"required": ["y"]}]},
        "words": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
        "flag": {"type": "boolean"},
    },
    "$defs": {"rate": {"type": "number", "exclusiveMinimum": 1}},
}


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ([], "it is no object"),
        ({}, 'it has no "name"'),
        ({"name": 7}, "name is no string"),
        ({"rate": "1"}, "rate is no number"),
        ({"rate": True}, "rate is no number"),
        ({"rate": float("nan")}, "rate is no number"),
        ({"rate": 1}, "rate is too small"),
        ({"rate": 1.5}, "rate is too small"),
        ({"kind": "b"}, "kind is none of a, None"),
        ({"times": []}, "times is too short"),
        ({"times": [1, 2.5]}, "times[1] is no integer"),
        ({"times": [True]}, "times[0] is no integer"),
        ({"parts": [{}, {"x": 1}]}, 'parts[1] has an unknown "x"'),
        ({"either": {}}, 'either has no "x"'),
        ({"words": {"a": "b", "c": 1}}, "words.c is no string"),
        ({"flag": 0}, "flag is no boolean"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_named_by_its_place(said, where):
    assert misfit(said if where.startswith("it ") else {"name": "", **said}, SCHEMA) == where


def test_what_fits_and_what_is_not_known_is_left_be():
    said = {
        "name": "n", "rate": 2, "kind": None, "times": [1, 2], "parts": [{}], "either": {"y": 1}, "words": None,
        "flag": True, "new": [{}],
    }  # fmt: skip
    assert misfit(said, SCHEMA) is None
