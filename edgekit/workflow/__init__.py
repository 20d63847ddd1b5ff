"""From a recipe, or a user's own objects, to a finished run: prepared, rehearsed, run stage by stage, shipped."""
