"""What the documents name is there: links, files, make targets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").rglob("*.md")])


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as they are made from their words."""
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=label)
def test_a_relative_link_leads_somewhere(document: Path):
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", document.read_text("utf-8"))
    for link in ("".join(pair) for pair in links):
        file, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = document.parent / file if file else document
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target.read_text("utf-8")), f"{link}: there is no such heading"


def test_the_files_that_contributing_names_are_there():
    """A name in capitals stands for any: `commands/VERB.py`."""
    told = re.findall(r"`([\w./-]+(?:/|\.\w+))`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    paths = [path for path in told if "/" in path and not re.search(r"[A-Z]{2}", path)]
    assert len(paths) > 20
    assert [path for path in paths if not any((ROOT / top / path).exists() for top in ("", "edgekit"))] == []


def test_every_script_that_make_calls_is_there():
    scripts = re.findall(r"\S+\.py\b", (ROOT / "Makefile").read_text("utf-8"))
    assert [script for script in scripts if not (ROOT / script).exists()] == []
