"""The file of the SQLite storage: opening, schema and error texts.

Rule 1: any other file is never changed: not a database, of another program, or another version of the schema.
Rule 2: every error of SQLite becomes a `StorageUnavailable` with reason and remedy.
Rule 3: `synchronous=FULL` in WAL mode: a commit returns after the log file is synchronised.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ockam_fsm.storage.interface import StorageUnavailable

VERSION = 1
APPLICATION = 0x0C4A_0001
"""The `PRAGMA application_id` of these files."""

WAL_BYTES = 64 * 2**20
"""The WAL file is truncated to this size after it was larger."""

INDEX_BITS = 40
"""`place` is log << 40 | index: 10**12 messages in each of 8 million logs, in the key of a table without an index."""

SCHEMA = f"""
CREATE TABLE streams (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE logs (id INTEGER PRIMARY KEY, stream TEXT NOT NULL, partition INTEGER NOT NULL, epoch INTEGER NOT NULL,
                   UNIQUE (stream, partition));
CREATE TABLE messages (place INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE publishers (log INTEGER, publisher BLOB, number INTEGER NOT NULL, PRIMARY KEY (log, publisher))
    WITHOUT ROWID;
CREATE TABLE saved (consumers TEXT, stream TEXT, partition INTEGER, "index" INTEGER NOT NULL,
                    PRIMARY KEY (consumers, stream, partition)) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""

EXPLAINED = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space, and open the log again"),
    sqlite3.SQLITE_IOERR: ("input or output failed", "check the disk and its limits, and open the log again"),
    sqlite3.SQLITE_BUSY: ("another process keeps the file locked", "end it, or raise busy_seconds"),
    sqlite3.SQLITE_LOCKED: ("another connection keeps the file locked", "end it, or raise busy_seconds"),
    sqlite3.SQLITE_CORRUPT: (
        "the file is corrupt",
        "restore a copy, or save what is left with `sqlite3 FILE .recover`",
    ),
    sqlite3.SQLITE_NOTADB: (
        "the file is not a database, or its beginning is corrupt",
        "restore a copy, or name another",
    ),
    sqlite3.SQLITE_READONLY: ("the file cannot be written", "give this user the right to write it and its folder"),
    sqlite3.SQLITE_PERM: ("the file may not be opened", "give this user the right to read and write it"),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", "check that its folder exists and can be written"),
}


def explained(path: Path, error: Exception) -> StorageUnavailable:
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    reason, remedy = EXPLAINED.get(primary, (f"{type(error).__name__}", "open the log again"))
    return StorageUnavailable(f"{path}: {reason} ({error})", remedy)


def opened(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Return a connection for writing; create the file if there is none.

    Raises:
        StorageUnavailable: the file cannot be opened, or has another format.
    """
    try:
        connection = connect(path, busy_seconds)
    except (sqlite3.Error, ValueError) as error:  # an invalid path, as with a NUL character, is a ValueError
        raise explained(path, error) from error
    try:
        _prepare(path, connection)
    except sqlite3.Error as error:
        connection.close()
        raise explained(path, error) from error
    except StorageUnavailable:
        connection.close()
        raise
    return connection


def connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Return a connection that any thread may use, one at a time; the caller begins transactions explicitly."""
    return sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    if _number(connection, "user_version") != VERSION:
        _make(path, connection)
    _check(path, connection)
    with closing(connection.execute("PRAGMA journal_mode = WAL")) as cursor:
        mode = cursor.fetchone()[0]
    if mode != "wal":
        raise StorageUnavailable(f"{path}: the file system has no write-ahead log (mode {mode})", "use a local disk")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")


def _make(path: Path, connection: sqlite3.Connection) -> None:
    """Create the schema in an empty file. Several processes may try at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _number(connection, "schema_version") == 0 and _number(connection, "user_version") == 0:
            for statement in SCHEMA.split(";\n"):
                connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _check(path: Path, connection: sqlite3.Connection) -> None:
    if _number(connection, "application_id") != APPLICATION:
        raise StorageUnavailable(f"{path} is the database of another program", "name another file")
    version = _number(connection, "user_version")
    if version != VERSION:
        reason = f"{path} has version {version} of the schema, but this release reads version {VERSION}"
        raise StorageUnavailable(reason, "use the release that wrote it, or name another file")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    with closing(connection.execute(f"PRAGMA {pragma}")) as cursor:
        return int(cursor.fetchone()[0])
