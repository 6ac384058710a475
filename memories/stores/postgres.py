"""The store on a PostgreSQL server with pgvector, behind the same interface, for robots that share what they know.

A store is a schema of the database. An advisory lock admits one writer. pgvector scans exactly, without an index, and
in float32; the rows that its rounding leaves in question are compared again as in the SQLite store, so both give the
same answer.

The contract of tests/contracts/store_contract.py runs against the server named in the environment variable
LOCI_POSTGRES, and is skipped without one. It was run against PostgreSQL 16.2 with pgvector 0.6.2 and psycopg 3.3 on one
machine; the end of the server's power, replication and speed were not tested.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from loci.memories.stores.matrix import cosines, margin, ranked
from loci.memories.stores.store import Closed, NewerStore, NotAStore, Occupied
from loci.memories.stores.tables import Tables, Where

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE log (sequence BIGINT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, kind TEXT NOT NULL,"
        ' key TEXT COLLATE "C", other TEXT COLLATE "C", body TEXT NOT NULL)',
        "CREATE INDEX log_key ON log (key)",
        "CREATE INDEX log_other ON log (other) WHERE other IS NOT NULL",
        "CREATE INDEX log_at ON log (at)",
        "CREATE INDEX log_rollback ON log (sequence) WHERE kind = 'ROLLBACK'",
        "CREATE TABLE vector (sequence BIGINT PRIMARY KEY, data public.vector NOT NULL)",
        'CREATE TABLE record (content BIGINT PRIMARY KEY, key TEXT COLLATE "C" NOT NULL UNIQUE,'
        " confidence DOUBLE PRECISION NOT NULL, valid_from DOUBLE PRECISION NOT NULL, valid_to DOUBLE PRECISION)",
        "CREATE TABLE attribute (name TEXT, value TEXT, content BIGINT, PRIMARY KEY (name, value, content))",
        'CREATE TABLE link (head TEXT COLLATE "C", relation TEXT COLLATE "C", tail TEXT COLLATE "C",'
        " PRIMARY KEY (head, relation, tail))",
        "CREATE INDEX link_tail ON link (tail)",
        "CREATE TABLE setting (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
    ),
)
"""From each schema version to the next; version n is what the first n make."""


class PostgresStore(Tables):
    """`url` is a connection string of libpq, `schema` the name of the store in the database; the rest is as in
    SQLiteStore. The extension pgvector must be installed on the server. Raises ImportError without psycopg."""

    blob_in, blob_out = "?::float8[]::public.vector", "vector.data::real[]"

    def __init__(self, url: str, schema: str = "loci", width: int | None = None, write: bool = True, wait: float = 0.0):
        if not schema.isidentifier() or schema != schema.lower():
            raise ValueError(f"schema must be a name of small letters, digits and _, got {schema!r}")
        self.schema, self.write = schema, write
        self._psycopg = _package()
        self._connection = self._psycopg.connect(url, autocommit=True)
        try:
            self._open(width, wait)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "PostgresStore":
        return self

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _open(self, width: int | None, wait: float) -> None:
        self._run("SET synchronous_commit = on")
        if self.write:
            self._lock(wait)
            self._run("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        version = self._version()
        self._run(f"SET search_path TO {self.schema}, public")
        if self.write:
            self._migrate(version, width)
        self.width = int(self._run("SELECT value FROM setting WHERE name = 'width'")[0][0])
        if width not in (None, self.width):
            raise ValueError(f"width of {self.schema} is {self.width}, got {width}")

    def _lock(self, wait: float) -> None:
        """Be the only writer of the schema until the connection ends."""
        self._run(f"SET lock_timeout = {max(1, round(1000 * wait))}")  # 0 would be no limit
        try:
            self._run("SELECT pg_advisory_lock(hashtextextended(?, 0))", f"loci {self.schema}")
        except self._psycopg.errors.LockNotAvailable as error:
            cure = "open it with write=False, or later"
            raise Occupied(f"{self.schema} has a writer (waited {wait} s for it): {cure}") from error
        self._run("SET lock_timeout = 0")

    def _version(self) -> int:
        """Schema version of the store, 0 where there is none."""
        sql = "SELECT count(*) FROM information_schema.tables WHERE table_schema = ?"
        if self._run(sql, self.schema) == [(0,)]:
            if not self.write:
                raise FileNotFoundError(f"no store {self.schema} in this database: a writer makes it")
            return 0
        if not self._run(f"{sql} AND table_name = 'setting'", self.schema)[0][0]:
            raise NotAStore(f"the schema {self.schema} holds something else; choose another name")
        ((version,),) = self._run(f"SELECT value FROM {self.schema}.setting WHERE name = 'version'")
        if version > len(MIGRATIONS):
            raise NewerStore(f"{self.schema} has schema {version}, this code knows 1 … {len(MIGRATIONS)}: update loci")
        if not self.write and version < len(MIGRATIONS):
            cure = "open it once to write"
            raise NotAStore(f"{self.schema} has schema {version}, this code reads {len(MIGRATIONS)}: {cure}")
        return int(version)

    def _migrate(self, version: int, width: int | None) -> None:
        """All steps that the store lacks, in one transaction."""
        if version == len(MIGRATIONS):
            return
        if version == 0 and (width is None or width < 0):
            raise ValueError(f"a new store needs the width of its vectors, 0 for none, got width={width}")
        with self._writing():
            self._run(f"CREATE SCHEMA IF NOT EXISTS {self.schema}")
            for step in MIGRATIONS[version:]:
                for statement in step:
                    self._run(statement)
            if version == 0:
                self._run("INSERT INTO setting (name, value) VALUES ('width', ?)", width)
            self._run("DELETE FROM setting WHERE name = 'version'")
            self._run("INSERT INTO setting (name, value) VALUES ('version', ?)", len(MIGRATIONS))

    def _run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        if self._connection is None:
            raise Closed(f"the store {self.schema} was closed")
        cursor = self._connection.execute(sql.replace("?", "%s"), values or None)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[None]:
        self._run(f"BEGIN ISOLATION LEVEL REPEATABLE READ {mode}")
        try:
            yield
        except BaseException:
            self._run("ROLLBACK")
            raise
        self._run("COMMIT")

    def _reading(self) -> Any:
        return self._transaction("READ ONLY")

    def _writing(self) -> Any:
        if not self.write:
            raise Closed(f"the store {self.schema} was opened for reading")
        return self._transaction("READ WRITE")

    def _to_blob(self, vector: np.ndarray) -> list[float]:
        return [float(number) for number in vector]

    def _from_blob(self, blob: list[float] | None) -> np.ndarray | None:
        return None if blob is None else np.array(blob, np.float32)

    def _nearest(self, vector: np.ndarray, k: int, where: Where, valid_at: float | None) -> list[tuple[str, float]]:
        chosen, values = self._chosen(where, valid_at)
        sql = (
            f"WITH near AS (SELECT record.key, vector.data, vector.data <=> {self.blob_in} AS distance FROM record"
            f" JOIN vector ON vector.sequence = record.content WHERE record.content IN ({chosen}))"
            " SELECT key, data::real[] FROM near WHERE distance <= ? +"
            " coalesce((SELECT distance FROM near ORDER BY distance OFFSET ? LIMIT 1), 2)"
        )
        rows = self._run(sql, self._to_blob(vector), *values, 2 * margin(self.width), k - 1)
        if not rows:
            return []
        stored = np.array([data for _, data in rows], np.float32)
        return ranked(zip((key for key, _ in rows), cosines(stored, vector).tolist(), strict=True), k)


def _package() -> Any:
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise ImportError("a store on a server needs psycopg: pip install 'loci[postgres]'") from error
