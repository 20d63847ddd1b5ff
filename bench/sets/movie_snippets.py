"""Rated movie snippets, and tweets, reviews and editorials beside them, out of the source of vaderSentiment (MIT)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from edgekit.data.sources.movie_snippets import FILE
from sets import packages
from sets.keeping import kept

UNLABELLED = "unlabelled.jsonl"
SHA256 = {
    FILE: "bb8abef8a258d9632bed4a4675d4501f859ae6cef77c68061de045637cbb160d",
    UNLABELLED: "9f7fa0c16a760342ceefad22e70ba1d5054f7a87e3d2354d8b9f83022dc25802",
}
_OTHERS = ("tweets", "amazonReviewSnippets", "nytEditorialSnippets")


def bring(folder: Path) -> str:
    """Make sure the texts are in `folder`."""
    return kept(folder, SHA256, _make)


def _make() -> dict[str, bytes]:
    held = packages.from_python("vaderSentiment", "3.3.2", 1, source=True)
    path, content = next((path, content) for path, content in held.items() if path.endswith("hutto_ICWSM_2014.tar.gz"))
    texts = {Path(name).name: rows for name, rows in packages.opened(content, path).items()}
    movies = list(_rows(texts["movieReviewSnippets_GroundTruth.txt"]))
    seen = {text.strip().lower() for _, text in movies}
    others = [text for name in _OTHERS for _, text in _rows(texts[f"{name}_GroundTruth.txt"])]
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in others if text.strip().lower() not in seen]
    return {
        FILE: "".join([f"{rating}\t{text}\n" for rating, text in movies]).encode(),
        UNLABELLED: "".join([f"{line}\n" for line in lines]).encode(),
    }


def _rows(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield the mean rating and the text of every line: `id TAB rating TAB text`."""
    try:
        whole = content.decode("utf-8")
    except UnicodeDecodeError:
        whole = content.decode("cp1252", "replace")
    for line in whole.split("\n"):
        parts = line.rstrip("\r").split("\t")
        if len(parts) == 3:
            yield parts[1], parts[2]
