"""The file behind the store: who may open it, what is refused, how old schemas are brought up, and what readers see."""

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from loci.memories.stores import sqlite
from loci.memories.stores.sqlite import MEMORY, MIGRATIONS, SQLiteStore
from loci.memories.stores.store import Add, Closed, Delete, NewerStore, NotAStore, Occupied, Record, Rollback, Update

OLD = Path(__file__).parents[1] / "golden" / "store_schema_1.sql"
"""`iterdump` of the store that `example` made with schema 1, and its two numbers in the head of the file."""


def record(key: str, at: float = 0.0, seed: int = 0) -> Record:
    return Record(key, f"the {key}", {"class": "cup"}, np.random.default_rng(seed).random(3, np.float32), learned_at=at)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.store"


def test_every_commit_is_synced(path: Path) -> None:
    with SQLiteStore(path, 3) as store:
        assert store._run("PRAGMA journal_mode") == [("wal",)]
        assert store._run("PRAGMA synchronous") == [(2,)]


def test_what_was_closed_opens_again(path: Path) -> None:
    with SQLiteStore(path, 3) as store:
        store.apply(Add(record("cup")))
    for width in (None, 3):
        with SQLiteStore(path, width) as store:
            assert (store.width, store.records()) == (3, [record("cup")])
    with pytest.raises(ValueError, match="width of .*a.store is 3, got 4"):
        SQLiteStore(path, 4)


def test_a_second_writer_is_refused_by_name_and_a_late_one_is_not(path: Path) -> None:
    with SQLiteStore(path, 3):
        with pytest.raises(Occupied, match=r"a.store has a writer \(waited 0.0 s for it\): open it with write=False"):
            SQLiteStore(path)
        begun = time.monotonic()
        with pytest.raises(Occupied, match=r"waited 0.2 s"):
            SQLiteStore(path, wait=0.2)
        assert time.monotonic() - begun > 0.15
    SQLiteStore(path).close()


def test_a_writer_waits_for_another_to_close(path: Path) -> None:
    first = SQLiteStore(path, 3)
    opened: list[int] = []

    def second() -> None:
        with SQLiteStore(path, wait=20.0) as store:
            opened.append(store.apply(Add(record("mug"))))

    thread = threading.Thread(target=second)
    thread.start()
    first.apply(Add(record("cup")))
    first.close()
    thread.join()
    assert opened == [2]


def test_a_writer_of_another_process_keeps_others_out_until_it_ends(path: Path) -> None:
    code = "from loci.memories.stores.sqlite import SQLiteStore as S"
    code += f"; store = S({str(path)!r}, 3); print(1, flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(Occupied):
        SQLiteStore(path)
    other.kill()
    other.wait()
    SQLiteStore(path).close()


def test_readers_follow_the_writer(path: Path) -> None:
    with SQLiteStore(path, 3) as writer, SQLiteStore(path, write=False) as one, SQLiteStore(path, write=False) as two:
        query = np.ones(3, np.float32)
        assert one.search(query, 9) == []
        writer.apply(Add(record("cup")), Add(record("mug", seed=1)))
        for change in (Update(record("cup", 1.0, seed=2)), Delete("mug", 2.0), Rollback(2, 3.0), Rollback(0, 4.0)):
            writer.apply(change)
            for reader in (one, two):
                assert reader.records() == writer.records()
                assert reader.search(query, 9) == writer.search(query, 9)
        with pytest.raises(Closed, match="a.store was opened for reading"):
            one.apply(Add(record("lid", 9.0)))


def test_a_reader_sees_whole_transactions(path: Path) -> None:
    with SQLiteStore(path, 3) as writer, SQLiteStore(path, write=False) as reader:
        with writer._writing():
            writer._take(1, Add(record("cup")))
            assert (reader.last(), reader.records()) == (0, [])
        assert (reader.last(), reader.records()) == (1, [record("cup")])


def test_attributes_of_what_is_gone_take_no_room(path: Path) -> None:
    with SQLiteStore(path, 3) as store:
        store.apply(Add(record("cup")), Add(record("mug")), Update(record("cup")), Delete("mug", 0.0))
        assert store._run("SELECT * FROM attribute") == [("class", '"cup"', 3)]
        store.apply(Rollback(2, 0.0))
        assert store._run("SELECT content FROM attribute") == [(1,), (2,)]


@pytest.mark.parametrize("content", [b"not a database, but long enough to have a head of a hundred bytes" * 3, b"x"])
def test_a_file_that_is_no_store_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for write in (True, False):
        with pytest.raises(NotAStore, match="a.store is no store"):
            SQLiteStore(path, 3, write=write)
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_database_of_something_else_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE log (sequence INTEGER)")
    other.close()
    content = path.read_bytes()
    for write in (True, False):
        with pytest.raises(NotAStore, match="an SQLite file of something else; choose another path"):
            SQLiteStore(path, 3, write=write)
    assert path.read_bytes() == content


def test_places_and_widths_are_checked(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no store at .*a.store: a writer makes it"):
        SQLiteStore(path, write=False)
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere for the store b.store"):
        SQLiteStore(path.parent / "nowhere" / "b.store", 3)
    with pytest.raises(ValueError, match="a new store needs the width of its vectors, 0 for none, got width=None"):
        SQLiteStore(path)
    with pytest.raises(ValueError, match="got width=-1"):
        SQLiteStore(path, -1)
    with pytest.raises(ValueError, match="a store in memory begins empty"):
        SQLiteStore(MEMORY, 3, write=False)
    SQLiteStore(path, 3).close()  # what failed to open holds no lock


def test_a_store_without_vectors(path: Path) -> None:
    with SQLiteStore(path, 0) as store:
        store.apply(Add(Record("cup", "a cup")))
        with pytest.raises(ValueError, match="vector must have the width 0 of this store, got 3"):
            store.apply(Add(record("mug")))
        with pytest.raises(ValueError, match="width 0"):
            store.search(np.ones(3, np.float32), 1)


def test_a_newer_store_is_refused_by_name_and_left_alone(path: Path) -> None:
    with SQLiteStore(path, 3) as store:
        store._run("PRAGMA user_version = 99")
    content = path.read_bytes()
    for write in (True, False):
        with pytest.raises(NewerStore, match=rf"has schema 99, this code knows 1 … {len(MIGRATIONS)}: update loci"):
            SQLiteStore(path, write=write)
    assert path.read_bytes() == content


@pytest.fixture
def old(path: Path) -> Path:
    """The store of the golden file."""
    file = sqlite3.connect(path)
    file.executescript(OLD.read_text())
    file.close()
    return path


def example(path: Path) -> None:
    """Makes the store whose dump is the golden file of the present schema."""
    with SQLiteStore(path, 3) as store:
        store.apply(Add(record("cup")), Add(record("mug", 1.0, seed=1)))
        store.apply(Delete("mug", 2.0), Rollback(2, 3.0), Update(record("cup", 4.0, seed=2)))


def test_a_store_of_schema_1_is_read(old: Path) -> None:
    with SQLiteStore(old) as store:
        assert store.records() == [record("cup", 4.0, seed=2), record("mug", 1.0, seed=1)]
        assert len(store.log()) == 5
        assert store.as_of(3).records == {"cup": record("cup")}


STEP = ("ALTER TABLE record ADD COLUMN used INTEGER NOT NULL DEFAULT 7", "CREATE INDEX record_used ON record (used)")


def test_a_migration_keeps_what_is_there(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "MIGRATIONS", (*MIGRATIONS, STEP))
    with pytest.raises(NotAStore, match="this code reads 2: open it once to write"):
        SQLiteStore(old, write=False)
    with SQLiteStore(old) as store:
        assert store._run("SELECT key, used FROM record ORDER BY key") == [("cup", 7), ("mug", 7)]
        assert store._run("PRAGMA user_version") == [(2,)]
        assert store.get("mug") == record("mug", 1.0, seed=1)
    with SQLiteStore(old, write=False) as store:
        assert len(store.records()) == 2


def test_a_migration_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        context.setattr(sqlite, "MIGRATIONS", (*MIGRATIONS, (*STEP, "CREATE TABLE log (again)")))
        with pytest.raises(sqlite3.OperationalError, match="log already exists"):
            SQLiteStore(old)
    with SQLiteStore(old) as store:
        assert store._run("PRAGMA user_version") == [(1,)]
        assert "used" not in [row[1] for row in store._run("PRAGMA table_info(record)")]
        assert len(store.records()) == 2


def test_a_copy_is_whole_and_overwrites_nothing(path: Path) -> None:
    copy = path.with_name("copy.store")
    with SQLiteStore(path, 3) as store:
        store.apply(Add(record("cup")))
        store.copy_to(copy)
        with pytest.raises(FileExistsError, match="copy.store exists: a copy overwrites nothing"):
            store.copy_to(copy)
        with SQLiteStore(copy) as other:
            assert other.log() == store.log()
            assert other.sound()


def test_without_its_log_of_writes_the_file_is_as_it_was_at_the_last_checkpoint(path: Path) -> None:
    """Why the two files belong together until the store is closed."""
    store = SQLiteStore(path, 3)
    store._run("PRAGMA wal_checkpoint(TRUNCATE)")
    store.apply(Add(record("cup")))
    shutil.copy(path, path.with_name("alone.store"))
    shutil.copy(path, path.with_name("both.store"))
    shutil.copy(f"{path}-wal", path.with_name("both.store-wal"))
    for name, count in (("alone", 0), ("both", 1)):
        with SQLiteStore(path.with_name(f"{name}.store")) as copy:
            assert len(copy.records()) == count
    store.close()
