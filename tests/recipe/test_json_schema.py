from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from edgekit.recipe.json_schema import describe
from edgekit.recipe.schema import STAGES, Recipe


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_the_schema_is_json_and_whole() -> None:
    schema = describe()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"].endswith("2020-12/schema")
    assert {name.removeprefix("#/$defs/") for name in references(schema)} == set(schema["$defs"])
    assert set(schema["properties"]) == set(Recipe.model_fields)
    assert schema["additionalProperties"] is False


def test_every_part_forbids_unknown_keys() -> None:
    schema = describe()
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values())


def test_a_stage_is_of_the_kind_of_its_id_or_says_its_kind() -> None:
    schema = describe()
    stages = schema["properties"]["stages"]
    assert set(stages["properties"]) == set(STAGES)
    assert len(stages["additionalProperties"]["anyOf"]) == len(STAGES)
    for choice in stages["additionalProperties"]["anyOf"]:
        assert choice["allOf"][1] == {"required": ["kind"]}
    for name, stage in STAGES.items():
        assert {"$ref": f"#/$defs/{stage.__name__}"} in stages["properties"][name]["anyOf"]
        assert schema["$defs"][stage.__name__]["properties"]["kind"]["const"] == name
