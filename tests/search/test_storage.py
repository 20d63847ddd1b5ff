"""What is said where a study cannot be kept: in words, with a way out, and never with a password."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import EdgekitError, MissingExtra, StorageError, UsageError
from edgekit.search import storage


def refusal(url: str, journal: Path) -> EdgekitError:
    with pytest.raises(EdgekitError) as caught, storage.reached(url, journal):
        storage.opened(url, journal)
    assert "secret" not in caught.value.render()
    return caught.value


def test_what_is_no_url_of_a_database_is_wrong_usage(tmp_path: Path) -> None:
    error = refusal("secret", tmp_path / "journal")
    assert isinstance(error, UsageError) and "no URL of a database" in str(error)
    error = refusal("postgre://user:secret@host/name", tmp_path / "journal")
    assert isinstance(error, UsageError) and 'there is no database "postgre"' in str(error)


def test_a_driver_that_is_not_installed_is_named_with_its_pip_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    error = refusal("mysql+pymysql://user:secret@host/name", tmp_path / "journal")
    assert isinstance(error, MissingExtra) and error.hint
    assert "pip install 'pymysql'" in error.hint and "mysql+pymysql://" in error.hint


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    error = refusal("postgresql+psycopg://user:secret@127.0.0.1:1/name", tmp_path / "journal")
    assert isinstance(error, StorageError)
    assert '"postgresql+psycopg://user:***@127.0.0.1:1/name" cannot be used' in str(error)


def test_a_schema_of_another_optuna_is_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    storage.opened(url, tmp_path / "journal").remove_session()
    with sqlite3.connect(tmp_path / "study.db") as database:
        database.execute("update alembic_version set version_num = 'v2.6.0.a'")
    error = refusal(url, tmp_path / "journal")
    assert isinstance(error, StorageError) and "was made by another Optuna" in str(error)


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    journal = tmp_path / "study.journal"
    storage.opened(None, journal)
    journal.write_text("{\n{\n")
    with pytest.raises(StorageError, match="damaged"):
        storage.opened(None, journal)


@pytest.mark.parametrize(
    ("url", "kind"),
    [(None, "journal"), ("sqlite:///a.db", "sqlite"), ("postgresql+psycopg://u:p@h/d", "postgresql")],
)
def test_the_record_names_only_the_kind(url: Any, kind: str) -> None:
    assert storage.kind(url) == kind
