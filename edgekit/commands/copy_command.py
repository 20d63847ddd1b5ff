"""edgekit copy: a shipped recipe becomes the user's own. Imports typer alone until it runs."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    name: Annotated[str, typer.Argument(help="A shipped recipe: edgekit list shows them.")],
    dest: Annotated[str, typer.Argument(help="The folder to copy to.")] = ".",
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that differ.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be copied, and copy nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the last line of stdout.")] = False,
) -> None:
    """Copy a recipe with the model files and weights it names, to change them and make them yours.

    Example: edgekit copy digits
    """
    import shutil
    from pathlib import Path

    from edgekit import console, files
    from edgekit.errors import StorageError, UsageError
    from edgekit.recipe.loading import load, resolve_model

    folder = Path(dest)
    if "/" in name or name.endswith((".yaml", ".yml")):
        raise UsageError(f'"{name}" is a file of yours', "name a shipped recipe: edgekit list shows them")
    if folder.suffix in (".yaml", ".yml") or folder.is_file():
        raise UsageError(f'"{dest}" is not a folder', "name the folder to copy to")
    loaded = load(name)
    teacher, student = loaded.recipe.teacher, loaded.recipe.student
    named = [student.model]
    named += [file for network in (teacher, *teacher.also) for file in network.files] if teacher else []
    sources = {folder / loaded.path.name: loaded.path}
    sources |= {folder / file: resolve_model(loaded, file) for file in named}

    present = [target for target in sources if target.exists()]
    same = [target for target in present if target.is_file() and files.sha256(target) == files.sha256(sources[target])]
    changed = [str(target) for target in present if target not in same]
    if changed and not force:
        raise StorageError(
            f'"{changed[0]}" is there already, and differs from the shipped one', "--force overwrites it"
        )
    copied = [target for target in sources if target not in same]
    for target in [] if dry_run else copied:
        with files.atomic(target) as temporary:
            shutil.copyfile(sources[target], temporary)

    recipe = str(folder / loaded.path.name)
    if as_json:
        told = [str(target) for target in copied], [str(target) for target in same]
        console.result({"recipe": recipe, "copied": told[0], "unchanged": told[1], "dry_run": dry_run})
        return
    for target in sources:
        done = "is the same already" if target in same else "would be copied" if dry_run else "copied"
        code = "  (this is code: it runs when a network is built)" if target.suffix == ".py" else ""
        console.answer(f"{target}  {done}{code}")
    console.say(f"next: edgekit check {recipe}, then edgekit distill {recipe}")
