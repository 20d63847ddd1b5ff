"""Recipes: read, checked and found without PyTorch. Needs pydantic and PyYAML; must not import a room of its floor."""
