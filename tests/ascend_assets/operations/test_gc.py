"""Only what nothing names is deleted, and nothing at all where that is not known."""

import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from governed import MODEL, World, copy_of, make_world
from registry_samples import bundle

from ascend_assets.operations import audit
from ascend_assets.operations.gc import DEFAULT_AGE, YOUNGEST, GcRefused, gc, referenced
from resources.registry.bundles import Bundles, bundle_key
from resources.registry.ledger import entry_key
from resources.registry.releases import release_key
from resources.store.blobs import Blobs, FolderStore
from resources.store.objects import BLOBS, blob_key

MONTH = timedelta(days=30)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = make_world(tmp_path_factory.mktemp("original"), monkeypatch)
        made.to_staging(0)
        made.to_staging(1)
        made.roll_back()
        yield made


@pytest.fixture
def world(original: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return copy_of(original, tmp_path, monkeypatch)


def put(world: World, content: bytes, age: timedelta) -> str:
    """A blob that nothing names; its key."""
    key = blob_key(world.tools.blobs.put_bytes(content, "loose").sha256)
    grow_old(world, key, age)
    return key


def grow_old(world: World, key: str, age: timedelta) -> None:
    then = time.time() - age.total_seconds()
    os.utime(world.store.local(key), (then, then))


def all_old(world: World) -> set[str]:
    keys = set(world.store.list(BLOBS))
    for key in keys:
        grow_old(world, key, MONTH)
    return keys


def test_everything_that_a_history_names_stays(world: World) -> None:
    before = all_old(world)
    swept = gc(world.tools, older_than=YOUNGEST)
    assert swept.keys == ()
    assert set(world.store.list(BLOBS)) == before
    assert swept.kept == len(before)
    assert all(audit.verify(world.tools, deep=True))
    assert world.deploy(1, "dev")


def test_what_nothing_names_goes(world: World) -> None:
    loose = put(world, b"refused candidate", MONTH)
    swept = gc(world.tools)
    assert swept.keys == (loose,)
    assert swept.bytes == len(b"refused candidate")
    assert abs(swept.blobs[0].age - MONTH) < timedelta(minutes=1)
    assert world.store.head(loose) is None
    assert all(audit.verify(world.tools, deep=True))


def test_a_dry_run_tells_and_deletes_nothing(world: World) -> None:
    loose = put(world, b"refused candidate", MONTH)
    told = gc(world.tools, dry_run=True)
    assert (told.keys, told.bytes, told.dry_run) == ((loose,), 17, True)
    assert world.store.head(loose) is not None
    assert gc(world.tools).blobs[0].key == told.blobs[0].key


def test_young_blobs_stay(world: World) -> None:
    """A candidate on its way has put them, and nothing names them yet."""
    put(world, b"a day old", timedelta(days=1, minutes=1))
    put(world, b"two weeks old", DEFAULT_AGE - timedelta(minutes=1))
    assert gc(world.tools).keys == ()
    assert len(gc(world.tools, older_than=YOUNGEST).keys) == 2


@pytest.mark.parametrize("age", [timedelta(hours=23, minutes=59), timedelta(), timedelta(days=-1)])
def test_less_than_a_day_is_refused(world: World, age: timedelta) -> None:
    with pytest.raises(ValueError, match="at least"):
        gc(world.tools, older_than=age)


def test_a_bundles_files_stay(world: World) -> None:
    made = bundle(world.tools.blobs, world.tools.registry.get(MODEL, "1.0.0"))
    Bundles(world.store).publish(made)
    before = all_old(world)
    assert gc(world.tools).keys == ()
    assert set(world.store.list(BLOBS)) == before


def test_what_evidence_mentions_stays(world: World) -> None:
    """Evidence names its own artefacts, whatever version of its record wrote that down."""
    trace = world.tools.blobs.put_bytes(b"a profiler's trace", "trace")
    record = world.tools.blobs.put_bytes(b'{"of another version": ["' + trace.sha256.encode() + b'"]}', "record.json")
    was = world.tools.registry.get(MODEL, "1.0.0")
    world.tools.registry.publish(
        was.model_copy(update={"version": "1.5.0", "evidence": {**was.evidence, "trace": record.sha256}})
    )
    all_old(world)
    assert gc(world.tools).keys == ()
    assert trace.sha256 in referenced(world.store)


def _damaged(key: Callable[[World], str]) -> Callable[[World], str]:
    def spoil(world: World) -> str:
        world.rewrite(key(world), b"{}")
        return key(world)

    return spoil


def _record(world: World) -> str:
    return blob_key(world.tools.registry.get(MODEL, "1.0.0").evidence["onnx"])


def _admission(world: World) -> str:
    return blob_key(world.tools.ledger.history("dev", MODEL)[0].admission or "")


def _gap(world: World) -> str:
    key = entry_key("staging", MODEL, 2)
    world.store.local(key).unlink()
    return key


def _bundle(world: World) -> str:
    world.store.put_if_absent(bundle_key("speech", "1.0.0"), b"{}")
    return bundle_key("speech", "1.0.0")


def _foreign(key: str) -> Callable[[World], str]:
    def put_there(world: World) -> str:
        world.store.put_if_absent(key, b"")
        return key

    return put_there


def _missing_record(world: World) -> str:
    world.store.local(_record(world)).unlink()
    return _record(world)


UNREADABLE: dict[str, Callable[[World], str]] = {
    "manifest": _damaged(lambda _: release_key(MODEL, "1.1.0")),
    "bundle": _bundle,
    "entry": _damaged(lambda _: entry_key("dev", MODEL, 1)),
    "gap": _gap,
    "record": _damaged(_record),
    "missing record": _missing_record,
    "admission": _damaged(_admission),
    "foreign among models": _foreign("models/digits/notes.txt"),
    "foreign manifest": _foreign("models/digits/releases/latest.json"),
    "foreign among bundles": _foreign("bundles/x"),
    "foreign among ledgers": _foreign("environments/dev/notes"),
    "foreign entry": _foreign("environments/dev/digits/9.json"),
}


@pytest.mark.parametrize("case", UNREADABLE)
@pytest.mark.parametrize("dry_run", [False, True])
def test_nothing_goes_when_it_is_not_known_what_must_stay(world: World, case: str, dry_run: bool) -> None:  # noqa: FBT001 - a parameter
    loose = put(world, b"refused candidate", MONTH)
    key = UNREADABLE[case](world)
    with pytest.raises(GcRefused, match="nothing was deleted") as refusal:
        gc(world.tools, dry_run=dry_run)
    assert key in str(refusal.value)
    assert world.store.head(loose) is not None


def test_what_is_published_meanwhile_stays(world: World) -> None:
    """Old blobs that a release names which appears after the marking, and before the deletion."""
    loose = put(world, b"onnx 2", MONTH)
    store = world.store

    class Slow(FolderStore):
        def delete_unreferenced(self, keep: Collection[str], older_than: timedelta) -> tuple[str, ...]:
            world.publish(2)
            return super().delete_unreferenced(keep, older_than)

    assert gc(replace(world.tools, blobs=Blobs(Slow(store.root)))).keys == ()
    assert store.head(loose) is not None
