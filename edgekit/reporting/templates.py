"""Where pages get their templates from: one environment, strict and escaping. Imports jinja2 when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.extras import need

if TYPE_CHECKING:
    from jinja2 import Environment


def environment() -> Environment:
    """Make the environment of this folder's templates: what a template names must be there, and is escaped."""
    jinja2 = need("jinja2", "making a page")
    made: Environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return made
