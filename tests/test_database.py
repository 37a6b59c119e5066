"""The database: what it refuses to open, what a transaction leaves behind, and its backups. Real files throughout."""

import sqlite3
import threading
from datetime import date, timedelta

import pytest

from studio import database as module
from studio.database import BACKUPS_KEPT, Database
from studio.domain.errors import Busy, StorageBroken


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "easel.db")
    yield opened
    opened.close()


def test_an_empty_file_is_not_an_empty_gallery(tmp_path):
    path = tmp_path / "easel.db"
    path.touch()
    with pytest.raises(StorageBroken, match="is empty"):
        Database(path)
    assert path.stat().st_size == 0


def test_garbage_is_refused_left_alone_and_the_last_backup_is_named(tmp_path):
    path = tmp_path / "easel.db"
    first = Database(path)
    backup = first.backup()
    first.close()
    for extra in tmp_path.glob("easel.db-*"):
        extra.unlink()
    path.write_bytes(b"this is not a database at all, not even nearly " * 100)
    before = path.read_bytes()
    with pytest.raises(StorageBroken, match="backups"):
        Database(path)
    assert path.read_bytes() == before
    assert backup.exists()


def test_another_programs_database_is_refused(tmp_path):
    path = tmp_path / "easel.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    with pytest.raises(StorageBroken, match="another program"):
        Database(path)


def test_a_newer_home_folder_is_refused(database):
    database.write("INSERT INTO migrations VALUES ('from_the_future', 0)")
    with pytest.raises(StorageBroken, match="newer Easel"):
        Database(database.path)


def test_a_transaction_is_all_or_nothing(database):
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        connection.execute("INSERT INTO settings VALUES ('a', '1')")
        raise ZeroDivisionError
    assert database.load("settings", "a") is None


def test_threads_write_side_by_side(database):
    def write(number):
        for item in range(20):
            database.keep("drafts", f"{number}-{item}", {"n": item})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.one("SELECT count(*) FROM drafts")[0] == 100


def test_a_long_lock_becomes_a_sentence(database, monkeypatch):
    monkeypatch.setattr(module, "BUSY_MS", 50)
    holder = sqlite3.connect(database.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    second = Database.__new__(Database)
    second.path, second._local, second._connections, second._lock = (
        database.path,
        threading.local(),
        [],
        threading.Lock(),
    )
    with pytest.raises(Busy, match="try again"):
        second.keep("drafts", "x", 1)
    holder.rollback()
    holder.close()
    second.keep("drafts", "x", 1)
    assert database.load("drafts", "x") == 1
    second.close()


def test_backups_are_daily_whole_and_fourteen(database):
    database.keep("settings", "who", "me")
    start = date(2026, 1, 1)
    for day in range(20):
        database.backup(today=start + timedelta(days=day))
    assert len(database.backups()) == BACKUPS_KEPT
    restored = Database(database.backups()[-1])
    assert restored.load("settings", "who") == "me"
    restored.close()


def test_data_version_tells_of_other_writers(database):
    before = database.version()
    other = Database(database.path)
    other.keep("drafts", "x", 1)
    assert database.version() != before
    other.close()


def test_only_the_two_tables_of_bodies_hold_bodies(database):
    with pytest.raises(ValueError, match="jobs"):
        database.load("jobs", "x")
