"""The store on a server: who may open it and what is refused. Skipped, by name, where LOCI_POSTGRES names no server."""

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from loci.memories.stores import postgres
from loci.memories.stores.postgres import MIGRATIONS, PostgresStore
from loci.memories.stores.store import Add, Closed, NewerStore, NotAStore, Occupied, Record

URL = os.environ.get("LOCI_POSTGRES", "")
SCHEMA = f"loci_test_{os.getpid()}"
needs_server = pytest.mark.skipif(not URL, reason="postgres: the environment variable LOCI_POSTGRES names no server")


def test_without_psycopg_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ImportError, match=r"needs psycopg: pip install 'loci\[postgres\]'"):
        PostgresStore("postgresql://nowhere", "loci", 3)


def test_a_schema_has_a_plain_name() -> None:
    with pytest.raises(ValueError, match="schema must be a name of small letters, digits and _, got 'a; DROP'"):
        PostgresStore("postgresql://nowhere", "a; DROP", 3)


@pytest.fixture
def server() -> Iterator[Any]:
    """A connection to the server; the schema of the tests is dropped before and after."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        yield connection
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


def record(key: str) -> Record:
    return Record(key, f"the {key}", {}, np.array([1.0, 2.0, len(key)], np.float32))


@needs_server
def test_what_was_closed_opens_again_and_readers_follow(server: Any) -> None:
    with pytest.raises(FileNotFoundError, match=f"no store {SCHEMA} in this database: a writer makes it"):
        PostgresStore(URL, SCHEMA, write=False)
    with pytest.raises(ValueError, match="a new store needs the width of its vectors"):
        PostgresStore(URL, SCHEMA)
    with PostgresStore(URL, SCHEMA, 3) as store, PostgresStore(URL, SCHEMA, write=False) as reader:
        store.apply(Add(record("cup")))
        assert reader.records() == [record("cup")]
        assert reader.search(record("a").vector, 3) == store.search(record("a").vector, 3)
        with pytest.raises(Closed, match="was opened for reading"):
            reader.apply(Add(record("mug")))
    with PostgresStore(URL, SCHEMA) as store:
        assert (store.width, store.records()) == (3, [record("cup")])
    with pytest.raises(ValueError, match=f"width of {SCHEMA} is 3, got 4"):
        PostgresStore(URL, SCHEMA, 4)


@needs_server
def test_a_second_writer_is_refused_by_name(server: Any) -> None:
    with PostgresStore(URL, SCHEMA, 3):
        for wait in (0.0, 0.3):
            begun = time.monotonic()
            with pytest.raises(Occupied, match=f"{SCHEMA} has a writer \\(waited {wait} s for it\\)"):
                PostgresStore(URL, SCHEMA, wait=wait)
            assert time.monotonic() - begun > wait
    PostgresStore(URL, SCHEMA).close()


@needs_server
def test_a_newer_store_and_something_else_are_refused_by_name(server: Any) -> None:
    PostgresStore(URL, SCHEMA, 3).close()
    server.execute(f"UPDATE {SCHEMA}.setting SET value = 99 WHERE name = 'version'")
    with pytest.raises(NewerStore, match=f"has schema 99, this code knows 1 … {len(MIGRATIONS)}"):
        PostgresStore(URL, SCHEMA)
    server.execute(f"DROP TABLE {SCHEMA}.setting")
    with pytest.raises(NotAStore, match="holds something else; choose another name"):
        PostgresStore(URL, SCHEMA, 3)


@needs_server
def test_a_migration_keeps_what_is_there_and_one_that_fails_changes_nothing(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PostgresStore(URL, SCHEMA, 3) as store:
        store.apply(Add(record("cup")))
    step = "ALTER TABLE record ADD COLUMN used INTEGER NOT NULL DEFAULT 7"
    monkeypatch.setattr(postgres, "MIGRATIONS", (*MIGRATIONS, (step, "CREATE TABLE log (again INTEGER)")))
    with pytest.raises(Exception, match="already exists"):
        PostgresStore(URL, SCHEMA)
    monkeypatch.setattr(postgres, "MIGRATIONS", (*MIGRATIONS, (step,)))
    with pytest.raises(NotAStore, match="this code reads 2: open it once to write"):
        PostgresStore(URL, SCHEMA, write=False)
    with PostgresStore(URL, SCHEMA) as store:
        assert store._run("SELECT key, used FROM record") == [("cup", 7)]
        assert store.get("cup") == record("cup")
