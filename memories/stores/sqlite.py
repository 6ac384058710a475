"""The store in one SQLite file, or in memory: write-ahead log, every commit synced to the disk, exact search in NumPy.

What `apply` returned survives the end of the process at any moment, and, where the disk keeps its word, of the machine.
A lock file beside the store admits one writer; readers are not limited and see whole transactions only. An object
belongs to the thread that opened it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from loci.memories.stores.matrix import BLOCK, Matrix
from loci.memories.stores.store import Closed, NewerStore, NotAStore, Occupied
from loci.memories.stores.tables import Tables, Where

MEMORY = ":memory:"
HEAD = b"SQLite format 3\0"
"""How an SQLite file begins. SQLite itself takes a very short file of something else for an empty one of its own."""
MARK = 0x4C4F4349
"""Says in the head of the file that it is a store: LOCI."""
PAGE = 8192
"""Bytes of a page: holds five vectors of 384 numbers."""
CACHE = 64 * 2**10
"""KiB of pages kept in memory."""
WAL_BYTES = 64 * 2**20
"""What the write-ahead log is cut to after a checkpoint."""
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE log (sequence INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, key TEXT, other TEXT,"
        " body TEXT NOT NULL) STRICT",
        "CREATE INDEX log_key ON log (key)",
        "CREATE INDEX log_other ON log (other) WHERE other IS NOT NULL",
        "CREATE INDEX log_at ON log (at)",
        "CREATE INDEX log_rollback ON log (sequence) WHERE kind = 'ROLLBACK'",
        "CREATE TABLE vector (sequence INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT",
        "CREATE TABLE record (content INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
        " confidence REAL NOT NULL, valid_from REAL NOT NULL, valid_to REAL) STRICT",
        "CREATE TABLE attribute (name TEXT, value TEXT, content INTEGER, PRIMARY KEY (name, value, content))"
        " STRICT, WITHOUT ROWID",
        "CREATE TABLE link (head TEXT, relation TEXT, tail TEXT, PRIMARY KEY (head, relation, tail))"
        " STRICT, WITHOUT ROWID",
        "CREATE INDEX link_tail ON link (tail)",
        "CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    ),
)
"""From each schema version to the next; version n is what the first n make."""


class SQLiteStore(Tables):
    """`width` is D, 0 for a store without vectors; it may be left out where the file exists. With `write` false the
    file must exist and is only read. A writer waits `wait` seconds for another one to close, then raises Occupied.
    Raises NotAStore, NewerStore, FileNotFoundError, and ValueError for a width that is not the file's."""

    blob_in, blob_out = "?", "vector.data"

    def __init__(self, path: str | Path, width: int | None = None, write: bool = True, wait: float = 0.0):
        self.path, self.write = str(path), write
        self._connection: sqlite3.Connection | None = None
        self._lock: sqlite3.Connection | None = None
        self._matrix: Matrix | None = None
        self._seen = 0
        self._check_place()
        if write and self.path != MEMORY:
            self._lock = _locked(self.path, wait)
        try:
            self._open(width)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "SQLiteStore":
        return self

    def close(self) -> None:
        for connection in (self._connection, self._lock):
            if connection is not None:
                connection.close()
        self._connection = self._lock = self._matrix = None

    def sound(self) -> bool:
        """Whether SQLite finds the file whole; reads all of it."""
        return self._run("PRAGMA integrity_check") == [("ok",)]

    def copy_to(self, path: str | Path) -> None:
        """A copy of the whole store in a new file. Raises FileExistsError."""
        if Path(path).exists():
            raise FileExistsError(f"{path} exists: a copy overwrites nothing")
        self._run("VACUUM INTO ?", str(path))

    def _check_place(self) -> None:
        place = Path(self.path)
        if self.path == MEMORY:
            if not self.write:
                raise ValueError("a store in memory begins empty: open it with write=True")
        elif not self.write and not place.exists():
            raise FileNotFoundError(f"no store at {place}: a writer makes it")
        elif not place.parent.is_dir():
            raise FileNotFoundError(f"no folder {place.parent} for the store {place.name}")
        elif place.exists() and _head(place) not in (b"", HEAD):
            raise NotAStore(f"{place} is no store, and no SQLite file; choose another path")

    def _open(self, width: int | None) -> None:
        mode = "rwc" if self.write else "ro"
        where = self.path if self.path == MEMORY else f"{Path(self.path).absolute().as_uri()}?mode={mode}"
        self._connection = sqlite3.connect(where, uri=self.path != MEMORY, isolation_level=None, timeout=60.0)
        try:
            self._run(f"PRAGMA cache_size = {-CACHE}")
            version = self._version()
            if self.write:
                self._prepare()
                self._migrate(version, width)
        except sqlite3.OperationalError:  # busy, full, out of reach: not the file's contents
            raise
        except sqlite3.DatabaseError as error:
            raise NotAStore(f"{self.path} is no store: {error}") from error
        self._take_width(width)

    def _version(self) -> int:
        """Schema version of the file, 0 for an empty one."""
        ((mark,),), ((version,),) = self._run("PRAGMA application_id"), self._run("PRAGMA user_version")
        ((tables,),) = self._run("SELECT count(*) FROM sqlite_master")
        if mark != MARK and tables:
            raise NotAStore(f"{self.path} is an SQLite file of something else; choose another path")
        if version > len(MIGRATIONS):
            raise NewerStore(f"{self.path} has schema {version}, this code knows 1 … {len(MIGRATIONS)}: update loci")
        if not self.write and version < len(MIGRATIONS):
            raise NotAStore(
                f"{self.path} has schema {version}, this code reads {len(MIGRATIONS)}: open it once to write"
            )
        return version

    def _prepare(self) -> None:
        self._run(f"PRAGMA page_size = {PAGE}")
        self._run("PRAGMA journal_mode = WAL")
        self._run("PRAGMA synchronous = FULL")
        self._run("PRAGMA fullfsync = ON")
        self._run(f"PRAGMA journal_size_limit = {WAL_BYTES}")

    def _migrate(self, version: int, width: int | None) -> None:
        """All steps that the file lacks, in one transaction."""
        if version == len(MIGRATIONS):
            return
        if version == 0 and (width is None or width < 0):
            raise ValueError(f"a new store needs the width of its vectors, 0 for none, got width={width}")
        with self._writing():
            for step in MIGRATIONS[version:]:
                for statement in step:
                    self._run(statement)
            if version == 0:
                self._run("INSERT INTO setting (name, value) VALUES ('width', ?)", width)
            self._run(f"PRAGMA application_id = {MARK}")
            self._run(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _take_width(self, width: int | None) -> None:
        ((self.width,),) = self._run("SELECT value FROM setting WHERE name = 'width'")
        if width not in (None, self.width):
            raise ValueError(f"width of {self.path} is {self.width}, got {width}")

    def _run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        if self._connection is None:
            raise Closed(f"the store {self.path} was closed")
        return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        self._run("BEGIN")
        try:
            yield
        finally:
            self._run("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if not self.write:
            raise Closed(f"the store {self.path} was opened for reading")
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            with suppress(sqlite3.OperationalError):  # a full disk has ended the transaction already
                self._run("ROLLBACK")
            raise

    def _to_blob(self, vector: np.ndarray) -> bytes:
        return vector.astype("<f4").tobytes()

    def _from_blob(self, blob: bytes | None) -> np.ndarray | None:
        return None if blob is None else np.frombuffer(blob, "<f4").astype(np.float32)

    def _nearest(self, vector: np.ndarray, k: int, where: Where, valid_at: float | None) -> list[tuple[str, float]]:
        matrix = self._followed()
        if not where and valid_at is None:
            return matrix.search(vector, k)
        chosen, values = self._chosen(where, valid_at)
        return matrix.search(vector, k, np.array(self._run(chosen, *values), np.int64).reshape(-1))

    def _followed(self) -> Matrix:
        """The matrix of all present vectors, brought to the end of the log."""
        rolled_back = "SELECT 1 FROM log WHERE kind = 'ROLLBACK' AND sequence > ? LIMIT 1"
        if self._matrix is None or self._run(rolled_back, self._seen):
            self._matrix = self._loaded()
        else:
            self._follow(self._matrix)
        self._seen = self._head()[0]
        return self._matrix

    def _loaded(self) -> Matrix:
        assert self._connection is not None
        matrix = Matrix(self.width)
        sql = "SELECT record.key, record.content, data FROM record JOIN vector ON vector.sequence = record.content"
        rows = self._connection.execute(sql)
        while some := rows.fetchmany(BLOCK):
            self._put(matrix, some)
        return matrix

    def _put(self, matrix: Matrix, rows: list[tuple[str, int, bytes]]) -> None:
        keys, numbers, blobs = zip(*rows, strict=True)
        matrix.put(keys, numbers, np.frombuffer(b"".join(blobs), "<f4").reshape(-1, self.width))

    def _follow(self, matrix: Matrix) -> None:
        """What the log says about vectors since it was last looked at."""
        sql = (
            "SELECT log.kind, log.key, log.other, log.sequence, vector.data FROM log"
            " LEFT JOIN vector ON vector.sequence = log.sequence"
            " WHERE log.sequence > ? AND log.kind IN ('ADD', 'UPDATE', 'DELETE', 'MERGE') ORDER BY log.sequence"
        )
        for kind, key, other, sequence, blob in self._run(sql, self._seen):
            if blob is None:
                matrix.drop(other if kind == "MERGE" else key)
            else:
                self._put(matrix, [(key, sequence, blob)])


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(HEAD))


def _locked(path: str, wait: float) -> sqlite3.Connection:
    """The writer's lock, held until the connection closes or its process ends; the file stays empty."""
    lock = sqlite3.connect(f"{path}-writer", isolation_level=None, timeout=wait)
    try:
        lock.execute("PRAGMA journal_mode = OFF")
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise Occupied(f"{path} has a writer (waited {wait} s for it): open it with write=False, or later") from error
    return lock
