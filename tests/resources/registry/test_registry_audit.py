"""An audit walks a ledger from its first entry and names the first that is wrong, and what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from registry_samples import admission, append, deploy, entry, release

from resources.registry import audit
from resources.registry.admissions import Admission, Requirement
from resources.registry.audit import Audit, Parts
from resources.registry.ledger import Ledger, entry_key
from resources.registry.releases import Registry, Release, release_key
from resources.store.blobs import Blobs, FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def ledger(store: FolderStore) -> Ledger:
    return Ledger(store)


@pytest.fixture
def released(store: FolderStore) -> Release:
    made = release(Blobs(store))
    Registry(store).publish(made)
    return made


def rewrite(store: FolderStore, key: str, content: bytes) -> None:
    path = store.local(key)
    path.chmod(0o644)
    path.write_bytes(content)


def key(sequence: int) -> str:
    return entry_key("dev", "digits", sequence)


def fault(store: FolderStore, **how: Any) -> tuple[int, str, str]:
    """How many entries were right, which is wrong, and why."""
    found: Audit = audit.verify(store, "dev", "digits", **how)
    assert not found
    assert found.fault is not None
    return found.entries, found.fault.key, found.fault.why


def test_a_right_ledger_is_verified_to_its_head(store: FolderStore, ledger: Ledger, released: Release) -> None:
    last = deploy(ledger, released, times=5)
    found = audit.verify(store, "dev", "digits")
    assert (bool(found), found.entries, found.head, found.fault) == (True, 5, last.digest, None)
    assert audit.verify(store, "prod", "digits").entries == 0


def test_a_gap_is_named(store: FolderStore, ledger: Ledger, released: Release) -> None:
    deploy(ledger, released, times=4)
    store.local(key(2)).unlink()
    assert fault(store) == (1, key(2), "missing, though later entries exist")


@pytest.mark.parametrize("edited", [1, 2, 3])
def test_an_edited_entry_is_named(store: FolderStore, ledger: Ledger, released: Release, edited: int) -> None:
    deploy(ledger, released, times=4)
    was = ledger.history("dev", "digits")[edited - 1]
    rewrite(store, key(edited), was.model_copy(update={"actor": "somebody else"}).encoded())
    _, named, why = fault(store)
    assert (named, "was changed after" in why) == (key(edited), True)


def test_a_damaged_entry_is_named(store: FolderStore, ledger: Ledger, released: Release) -> None:
    deploy(ledger, released, times=3)
    rewrite(store, key(3), b"{}")
    assert fault(store)[:2] == (2, key(3))


def test_a_release_that_is_gone_or_changed_is_named(store: FolderStore, ledger: Ledger, released: Release) -> None:
    deploy(ledger, released)
    manifest = release_key("digits", "1.0.0")
    rewrite(store, manifest, released.model_copy(update={"changelog": "nothing to see"}).encoded())
    assert "the ledger names" in fault(store)[2]
    store.local(manifest).unlink()
    assert "no release 1.0.0" in fault(store)[2]


def test_a_file_that_is_gone_is_named(store: FolderStore, ledger: Ledger, released: Release) -> None:
    deploy(ledger, released)
    Blobs(store).path(released.onnx).unlink()
    assert released.onnx.sha256 in fault(store)[2]


def test_a_damaged_file_is_named_where_contents_are_read(store: FolderStore, ledger: Ledger, released: Release) -> None:
    deploy(ledger, released)
    rewrite(store, f"blobs/sha256/{released.onnx.sha256}", b"other weights")
    assert audit.verify(store, "dev", "digits")
    assert "holds something else" in fault(store, parts=Parts(store, deep=True))[2]


def test_a_move_without_its_admission_is_named(store: FolderStore, ledger: Ledger, released: Release) -> None:
    made = deploy(ledger, released)
    rewrite(store, f"blobs/sha256/{made.admission}", b"{}")
    assert "its admission is damaged" in fault(store)[2]
    store.local(f"blobs/sha256/{made.admission}").unlink()
    assert "its admission is not to be had" in fault(store)[2]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"version": "2.0.0"}, "its admission is about another version: 2.0.0"),
        ({"environment": "prod"}, "another environment: prod"),
        ({"policy_digest": "0" * 64}, "another policy_digest"),
        ({"requirements": (Requirement(name="soak", met=False, why="too young"),)}, "was refused: too young"),
        ({"requirements": ()}, "nothing was required"),
    ],
)
def test_a_move_that_its_admission_does_not_bear_out_is_named(
    store: FolderStore, ledger: Ledger, released: Release, fields: dict[str, Any], why: str
) -> None:
    kept = admission(entry(None, released), **fields)
    Blobs(store).put_bytes(kept.encoded(), "admission.json")
    ledger.append(entry(None, released, admission=kept.digest))
    assert why in fault(store)[2]


def test_what_is_no_admission_is_named(store: FolderStore, ledger: Ledger, released: Release) -> None:
    blob = Blobs(store).put_bytes(b"{}", "admission.json").sha256
    ledger.append(entry(None, released, admission=blob))
    assert "its admission is none" in fault(store)[2]


def test_a_report_that_is_gone_is_named(store: FolderStore, ledger: Ledger, released: Release) -> None:
    first = deploy(ledger, released)
    append(ledger, entry(first, released, kind="result", result="1" * 64))
    assert fault(store)[:2] == (1, key(2))


def test_where_nothing_was_required_nothing_was_decided(released: Release) -> None:
    kept = admission(entry(None, released))
    assert kept.unmet == ()
    assert [r.met for r in kept.model_copy(update={"requirements": ()}).unmet] == [False]


@pytest.mark.parametrize("fields", [{"live": "short"}, {"at": "2026-11-20T12:00:00"}, {"sneaked": 1}, {"kind": "x"}])
def test_an_admission_is_validated(released: Release, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Admission.model_validate(admission(entry(None, released)).model_dump() | fields)
