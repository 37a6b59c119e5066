"""The one door to SQLite: connections, transactions, running migrations and backups. It knows no noun of the studio."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from studio.domain.errors import Busy, StorageBroken, StorageFull
from studio.schema import MIGRATIONS

APPLICATION_ID = 0x45534C31  # "ESL1": an empty file opens silently as an empty database, so ours say who they are
BUSY_MS = 30_000
BACKUPS_KEPT = 14


class Database:
    """One SQLite file, a connection for each thread.

    WAL with synchronous=FULL: a committed row survives a power cut. Raises StorageBroken for a file that is not ours, Busy
    when another process holds the lock for more than 30 s, StorageFull when the disk has no room.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        with _sentences(path):
            self._open()

    def _open(self) -> None:
        existed = self.path.exists()
        if existed and self.path.stat().st_size == 0:
            raise StorageBroken(
                f"{self.path} is empty, so the gallery's table of contents is gone; it is left as it is. {self._remedy()}"
            )
        connection = self._connection()
        if existed and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if tables:
                raise StorageBroken(f"{self.path} is a database of another program; choose another EASEL_HOME.")
        migrate(connection)

    def _remedy(self) -> str:
        backups = self.backups()
        if backups:
            return f"Copy the last backup, {backups[-1]}, over it."
        return "Move it away to begin with an empty gallery; pictures in the folder can be imported again."

    def _connection(self) -> sqlite3.Connection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self.path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False
            )
            connection.row_factory = sqlite3.Row
            try:
                connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA foreign_keys=ON")
            except sqlite3.Error:
                connection.close()
                raise
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection

    def read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Run one SELECT and return its rows."""
        with _sentences(self.path):
            return self._connection().execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Run one SELECT and return its first row, if any."""
        with _sentences(self.path):
            row: sqlite3.Row | None = self._connection().execute(sql, values).fetchone()
            return row

    def write(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run one statement in a transaction of its own; the cursor tells rowcount and lastrowid."""
        with self.transaction() as connection:
            return connection.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or none of it. Takes the write lock at once, so that two writers queue instead of colliding."""
        with _sentences(self.path):
            connection = self._connection()
            if connection.in_transaction:  # already inside: the outer one decides
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def version(self) -> int:
        """A number that changes whenever another connection has written; cheap enough to poll."""
        row = self.one("PRAGMA data_version")
        return int(row[0]) if row else 0

    def problems(self) -> list[str]:
        """What SQLite's own integrity check complains about; empty when all is well."""
        return [row[0] for row in self.read("PRAGMA integrity_check") if row[0] != "ok"]

    def backups(self) -> list[Path]:
        """The daily backups beside the database, oldest first."""
        return sorted((self.path.parent / "backups").glob("easel-*.db"))

    def backup(self, *, today: date | None = None) -> Path:
        """Write today's backup if there is none yet, keep the last 14, return it."""
        folder = self.path.parent / "backups"
        folder.mkdir(exist_ok=True)
        target = folder / f"easel-{today or date.today():%Y-%m-%d}.db"
        if not target.exists():
            partial = target.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            with _sentences(self.path):
                copy = sqlite3.connect(partial)
                try:
                    self._connection().backup(copy)
                finally:
                    copy.close()
            partial.rename(target)
            for old in self.backups()[:-BACKUPS_KEPT]:
                old.unlink()
        return target

    def load(self, table: str, name: str) -> Any:
        """Read one JSON body from `drafts` or `settings`; None if there is none."""
        row = self.one(f"SELECT body FROM {_checked(table)} WHERE name = ?", name)
        return json.loads(row["body"]) if row else None

    def keep(self, table: str, name: str, body: Any) -> None:
        """Write one JSON body to `drafts` or `settings`."""
        text = json.dumps(body)
        if _checked(table) == "drafts":
            self.write(
                "INSERT OR REPLACE INTO drafts (name, body, updated_at) VALUES (?, ?, ?)", name, text, time.time()
            )
        else:
            self.write("INSERT OR REPLACE INTO settings (name, body) VALUES (?, ?)", name, text)

    def release(self) -> None:
        """Close this thread's connection; a thread that ends says so, or its connection would stay open behind it."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            del self._local.connection
            with self._lock:
                self._connections.remove(connection)
            connection.close()

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        self._local = threading.local()


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date: each named migration once, in order, in one transaction each."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at REAL NOT NULL)")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        done = {row[0] for row in connection.execute("SELECT name FROM migrations")}
        for name, script in MIGRATIONS:
            if name not in done:
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute("INSERT INTO migrations (name, at) VALUES (?, ?)", (name, time.time()))
        unknown = done - {name for name, _ in MIGRATIONS}
        if unknown:
            raise StorageBroken(
                f"This home folder was used by a newer Easel (it has {', '.join(sorted(unknown))}); update Easel to open it."
            )
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _statements(script: str) -> Iterator[str]:
    """Split a script at the semicolons that end statements (executescript would commit half way)."""
    buffer = ""
    for line in script.splitlines():
        buffer += line + "\n"
        if sqlite3.complete_statement(buffer):
            yield buffer
            buffer = ""


def _checked(table: str) -> str:
    if table not in ("drafts", "settings"):
        raise ValueError(f"{table} holds no JSON bodies")
    return table


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into sentences with a remedy."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise Busy(
                "The gallery is busy: another program holds its database. Wait a moment and try again."
            ) from error
        if "full" in text:
            raise StorageFull(f"The disk that holds {path.parent} is full; free some space and try again.") from error
        if "readonly" in text or "unable to open" in text or "disk I/O" in text:
            raise StorageBroken(f"{path} cannot be written ({text}); check the folder and its permissions.") from error
        if "not a database" in text or "malformed" in text:
            raise StorageBroken(
                f"{path} is damaged ({text}). Copy the last file in {path.parent / 'backups'} over it."
            ) from error
        raise
