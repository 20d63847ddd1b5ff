"""Where a study is kept: a journal in the search's folder, or a database of the user's. Knows no search.

Optuna's storages do the work. What goes wrong with them is told as edgekit tells it, and never with a password.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import extras, files, locks
from edgekit.errors import MissingExtra, StorageError, UsageError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

_DRIVERS = {"postgresql": "psycopg[binary]", "mysql": "pymysql"}
_HEARTBEAT, _GRACE = 10, 60  # seconds: of a worker on another machine, that is lost when it has been silent so long
_EXAMPLE = "such as postgresql+psycopg://user:password@host:5432/database"


class _Lock:
    """Optuna's own lock outlives a process that is killed; the kernel's does not."""

    def __init__(self, path: Path) -> None:
        self._path, self._held = path, contextlib.ExitStack()

    def acquire(self) -> bool:
        """Wait for the lock, and take it."""
        self._held.enter_context(locks.exclusive(self._path))
        return True

    def release(self) -> None:
        """Let go of it."""
        self._held.close()


def opened(url: str | None, journal: Path) -> BaseStorage:
    """Open the storage at `url`, else the `journal`. Raises StorageError, UsageError, MissingExtra."""
    extras.need("optuna", "a search")
    from optuna import exceptions, storages
    from optuna.storages.journal import JournalFileBackend

    with reached(url, journal), warnings.catch_warnings():
        warnings.simplefilter("ignore", exceptions.ExperimentalWarning)
        if url is None:
            with files.disk_errors(journal):
                journal.parent.mkdir(parents=True, exist_ok=True)
                lock: Any = _Lock(journal.with_name(f".{journal.name}.lock"))
                return storages.JournalStorage(JournalFileBackend(str(journal), lock))
        _check(url)
        return storages.RDBStorage(url, heartbeat_interval=_HEARTBEAT, grace_period=_GRACE)


def kind(url: str | None) -> str:
    """Return "journal", or the name of the database."""
    return url.partition(":")[0].partition("+")[0] if url else "journal"


def shown(url: str | None, journal: Path) -> str:
    """Write where a study is kept, without a password."""
    if url is None:
        return str(journal)
    import sqlalchemy

    return str(sqlalchemy.make_url(url).render_as_string(hide_password=True))


@contextlib.contextmanager
def reached(url: str | None, journal: Path) -> Iterator[None]:
    """Turn whatever a storage raises into a StorageError that names it."""
    import sqlalchemy
    from optuna import exceptions

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, exceptions.StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, exceptions.StorageInternalError) else error
        said = str(getattr(cause, "orig", None) or cause or error).strip().partition("\n")[0]
        raise StorageError(
            f'the storage "{shown(url, journal)}" cannot be used: {_without_password(said, url)}',
            "see that it runs and that user and database are right; then the same command goes on",
        ) from None
    except RuntimeError as error:
        if "table schema" not in str(error):
            raise
        raise StorageError(
            f'the storage "{shown(url, journal)}" was made by another Optuna: {error}', "or name an empty database"
        ) from None
    except ValueError as error:
        if url is not None or not (isinstance(error, json.JSONDecodeError) or "log format" in str(error)):
            raise
        hint = "remove it to begin anew; trials/ keeps its runs"
        raise StorageError(f'"{journal}" is damaged: {error}', hint) from None


def _check(url: str) -> None:
    """Refuse what is no URL, or whose driver is not installed."""
    import sqlalchemy

    try:
        sqlalchemy.make_url(url).get_dialect().import_dbapi()
    except sqlalchemy.exc.NoSuchModuleError:
        raise UsageError(f'--storage: there is no database "{url.partition(":")[0]}"', _EXAMPLE) from None
    except sqlalchemy.exc.ArgumentError:
        raise UsageError("--storage is no URL of a database", _EXAMPLE) from None
    except ImportError as error:
        name = kind(url)
        hint = f"pip install '{_DRIVERS[name]}', and begin the URL with {name}+{_DRIVERS[name].partition('[')[0]}://"
        raise MissingExtra(f'the storage needs the package "{error.name}", which is not installed', hint) from None


def _without_password(text: str, url: str | None) -> str:
    import sqlalchemy

    password = sqlalchemy.make_url(url).password if url else None
    return text.replace(str(password), "***") if password else text
