"""Every store holds the contract; the one on a server is skipped, by name, where LOCI_POSTGRES names no server."""

import itertools
import os
from functools import partial
from pathlib import Path

import pytest

from loci.memories.stores.postgres import PostgresStore
from loci.memories.stores.sqlite import MEMORY, SQLiteStore
from loci.memories.stores.store import Store
from tests.contracts.store_contract import LAWS, D, Make, any_operations_do_what_the_slow_store_does


@pytest.fixture(params=["memory", "file", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes empty stores of one kind."""
    numbers = itertools.count()
    if request.param == "memory":
        return lambda: SQLiteStore(MEMORY, D)
    if request.param == "file":
        return lambda: SQLiteStore(tmp_path / f"{next(numbers)}.store", D)
    url = os.environ.get("LOCI_POSTGRES")
    if not url:
        pytest.skip("postgres: the environment variable LOCI_POSTGRES names no server")
    return lambda: on_server(url, f"loci_test_{os.getpid()}")


def on_server(url: str, schema: str) -> Store:
    """A new store in a schema that is emptied first."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    return PostgresStore(url, schema, D)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_store(law, make: Make, request: pytest.FixtureRequest) -> None:  # type: ignore[no-untyped-def]
    if law is any_operations_do_what_the_slow_store_does and "memory" not in request.node.name:
        law = partial(law, examples=10)
    law(make)


def test_what_is_made_is_a_store(make: Make) -> None:
    store = make()
    assert isinstance(store, Store)
    store.close()
