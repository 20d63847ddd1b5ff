"""One file per verb, each with a function `command`. Their tops import typer and typing alone."""
