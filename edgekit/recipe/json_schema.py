"""The schema of recipes as JSON Schema, for editors and other programs. No torch."""

from __future__ import annotations

from typing import Any

from edgekit.recipe.schema import STAGES, Recipe


def describe() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a recipe: a stage is of the kind of its id unless it says another."""
    schema = Recipe.model_json_schema()
    kinds = {name: {"$ref": f"#/$defs/{stage.__name__}"} for name, stage in STAGES.items()}
    for name, stage in STAGES.items():
        schema["$defs"][stage.__name__]["properties"]["kind"] = {
            "const": name,
            "description": "the kind of stage, where the stage's id is another word",
        }
    told = [{"allOf": [reference, {"required": ["kind"]}]} for reference in kinds.values()]
    # Any id may say its kind; an id that is a kind's name need not.
    by_id = {name: {"anyOf": [reference, {"type": "null"}, *told]} for name, reference in kinds.items()}
    schema["properties"]["stages"] |= {"properties": by_id, "additionalProperties": {"anyOf": told}}
    schema["properties"]["stages"]["description"] = "in order; a stage's id is its kind unless `kind` says otherwise"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
