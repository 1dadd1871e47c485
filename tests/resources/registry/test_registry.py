"""A release is published once, whole, and never changes."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from races import dies_at_call, race
from registry_samples import NOON, release

from resources.registry.manifests import AlreadyReleased, CorruptRelease, MissingArtefacts, NotReleased
from resources.registry.releases import Registry, release_key
from resources.registry.versions import Change, Contents, InvalidVersion, change, next_version
from resources.store.blobs import Blobs, FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def blobs(store: FolderStore) -> Blobs:
    return Blobs(store)


@pytest.fixture
def registry(store: FolderStore) -> Registry:
    return Registry(store)


def rewrite(store: FolderStore, key: str, content: bytes) -> None:
    path = store.local(key)
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_release_is_what_was_published(registry: Registry, blobs: Blobs) -> None:
    published = release(blobs)
    assert registry.publish(published) == published.digest
    assert registry.get("digits", "1.0.0") == published
    assert registry.get("digits", "1.0.0", digest=published.digest) == published
    assert list(blobs.store.list("models/")) == ["models/digits/releases/1.0.0.json"]


def test_not_a_number_in_a_verdict_survives(registry: Registry, blobs: Blobs) -> None:
    published = release(blobs, verdicts=({"criterion": "drop", "value": float("nan")},))
    registry.publish(published)
    assert registry.get("digits", "1.0.0").verdicts == ({"criterion": "drop", "value": "NaN"},)
    assert registry.get("digits", "1.0.0").digest == published.digest


def test_publishing_the_same_again_changes_nothing(registry: Registry, blobs: Blobs) -> None:
    """What a command does that was killed after it had published."""
    assert registry.publish(release(blobs)) == registry.publish(release(blobs))


def test_a_version_is_taken_once(registry: Registry, blobs: Blobs) -> None:
    winner = release(blobs)
    registry.publish(winner)
    with pytest.raises(AlreadyReleased, match=r"20261120-1200-git-1a2b3c4d5e6f by Ada .*take the next") as refusal:
        registry.publish(release(blobs, created_by="Bob"))
    assert refusal.value.winner == winner
    assert registry.get("digits", "1.0.0") == winner


def test_of_sixteen_publishers_one_wins_and_the_others_are_told_who(registry: Registry, blobs: Blobs) -> None:
    releases = [release(blobs, created_by=f"publisher {number}") for number in range(16)]
    results = race(lambda me: registry.publish(releases[me]))
    winner = registry.get("digits", "1.0.0")
    assert results.count(winner.digest) == 1
    assert sum(r.startswith("AlreadyReleased") and f"by {winner.created_by} at" in r for r in results) == 15


def test_versions_are_listed_as_numbers(registry: Registry, blobs: Blobs) -> None:
    for version in ("1.10.0", "1.9.0", "2.0.0", "1.2.0"):
        registry.publish(release(blobs, version))
    assert [r.version for r in registry.releases("digits")] == ["1.2.0", "1.9.0", "1.10.0", "2.0.0"]
    latest = registry.latest("digits")
    assert latest is not None
    assert latest.version == "2.0.0"


def test_a_model_without_releases(registry: Registry) -> None:
    assert registry.latest("digits") is None
    assert registry.releases("digits") == ()
    with pytest.raises(NotReleased, match=r"no release 1\.0\.0; the newest are: none"):
        registry.get("digits", "1.0.0")


@pytest.mark.parametrize(
    "lost",
    ["onnx", "om", "precision", "benchmark", "source", "dossier", "definition", "evaluation", "Ascend310P3__om"],
)
def test_nothing_is_published_that_is_not_all_there(registry: Registry, blobs: Blobs, lost: str) -> None:
    whole = release(blobs)
    target = whole.targets["Ascend310P3"]
    digest = {
        "onnx": whole.onnx.sha256,
        "om": target.om.sha256,
        "precision": target.precision,
        "benchmark": target.benchmark,
        "source": whole.source,
        "dossier": whole.dossier,
        "definition": whole.definition,
        "evaluation": whole.evaluation.sha256 if whole.evaluation else None,
        **whole.evidence,
    }[lost]
    assert digest is not None
    blobs.path(digest).unlink()
    with pytest.raises(MissingArtefacts, match=f"{digest}.*Run the candidate 20261120-1200-git"):
        registry.publish(whole)
    assert registry.latest("digits") is None


def test_a_publisher_killed_anywhere_leaves_no_half_release(registry: Registry, blobs: Blobs) -> None:
    whole = release(blobs)
    point, left = 1, []
    while dies_at_call(lambda: registry.publish(whole), point):
        left.append(registry.releases("digits"))
        assert registry.publish(whole) == whole.digest
        assert registry.releases("digits") == (whole,)
        blobs.store.local(release_key("digits", "1.0.0")).unlink()
        point += 71
    assert () in left
    assert (whole,) in left
    assert registry.publish(whole) == whole.digest
    assert registry.releases("digits") == (whole,)


def test_a_changed_manifest_is_told_from_the_one_that_was_deployed(
    registry: Registry, store: FolderStore, blobs: Blobs
) -> None:
    deployed = release(blobs)
    registry.publish(deployed)
    forged = release(blobs, created_by="Mallory")
    rewrite(store, release_key("digits", "1.0.0"), forged.encoded())
    with pytest.raises(CorruptRelease, match=f"the ledger names {deployed.digest}"):
        registry.get("digits", "1.0.0", digest=deployed.digest)


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b"[" * 10_000])
def test_a_damaged_manifest_is_never_handed_out(
    registry: Registry, store: FolderStore, blobs: Blobs, content: bytes
) -> None:
    registry.publish(release(blobs))
    rewrite(store, release_key("digits", "1.0.0"), content)
    with pytest.raises(CorruptRelease, match=r"models/digits/releases/1\.0\.0\.json: .*Restore it"):
        registry.get("digits", "1.0.0")


def test_a_manifest_in_anothers_place_is_refused(registry: Registry, store: FolderStore, blobs: Blobs) -> None:
    store.put_if_absent(release_key("digits", "1.1.0"), release(blobs, "1.0.0").encoded())
    with pytest.raises(CorruptRelease, match=r"holds the manifest of digits 1\.0\.0"):
        registry.get("digits", "1.1.0")


def test_a_foreign_file_among_manifests_is_named(registry: Registry, store: FolderStore) -> None:
    store.put_if_absent("models/digits/releases/1.0.json", b"{}")
    with pytest.raises(CorruptRelease, match=r"releases/1\.0\.json is no manifest"):
        registry.latest("digits")


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ({"version": "v1"}, "version"),
        ({"model": "../x"}, "model"),
        ({"candidate": "latest"}, "candidate"),
        ({"commit": "1a2b"}, "commit"),
        ({"targets": {}}, "targets"),
        ({"onnx": {"sha256": "x", "size": 1, "name": "m"}}, "onnx.sha256"),
        ({"created_at": NOON.replace(tzinfo=None)}, "created_at"),
        ({"created_by": ""}, "created_by"),
        ({"candidate": "20261120-1200-dirty-1a2b3c4d5e6f"}, "dirty is false"),
        ({"sneaked": 1}, "sneaked"),
    ],
)
def test_a_manifest_is_validated(blobs: Blobs, field: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        release(blobs, **field)


def test_names_of_nothing_are_refused(registry: Registry) -> None:
    with pytest.raises(InvalidVersion):
        registry.get("digits", "../1.0.0")
    with pytest.raises(ValueError, match="is no name"):
        registry.get("../digits", "1.0.0")


def test_a_release_knows_all_that_it_is_made_of(blobs: Blobs) -> None:
    whole = release(blobs)
    assert {f"blobs/sha256/{digest}" for digest in whole.blobs} == set(blobs.store.list())


def test_a_releases_contents_decide_the_next_version(blobs: Blobs) -> None:
    first = release(blobs)
    assert next_version(first, release(blobs, created_by="Bob").contents) is None
    assert str(next_version(first, release(blobs, om=b"recompiled").contents)) == "1.0.1"
    assert str(next_version(first, release(blobs, weights=b"better").contents)) == "1.1.0"
    other = Contents("another signature", first.onnx.sha256, {})
    assert change(first.contents, other) is Change.MAJOR


LAYOUT_1 = (
    b'{"candidate":"20261120-1200-git-1a2b3c4d5e6f","changelog":"new weights","commit":"1a2b3c4d5e6f0000000000'
    b'000000000000000000","created_at":"2026-11-20T12:00:00Z","created_by":"Ada <ada@example.com>","dirty":fal'
    b'se,"dossier":"f8f99428ced305b3a3f4eb0843ed9adc932cf0e3c4ed47bf0d6d1dfbe4476aa3","model":"digits","onnx":'
    b'{"name":"m.onnx","sha256":"9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c","size":7},"'
    b'owners":["team:vision"],"pipeline":{"lock":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'
    b'bbbb"},"schema_version":1,"signature":{"inputs":[{"dtype":"float32","name":"x","shape":[1,1,8,8]}],"outp'
    b'uts":[{"dtype":"float32","name":"x","shape":[1,1,8,8]}]},"source":"0bc95072b76855f2694cf3790eaf11576ceea'
    b'd0b67df265a25efb653f16d3f4c","targets":{"Ascend310P3":{"benchmark":"a50734cac04ea3181d0214d551d3a829f123'
    b'1a82cfa06b9876b4defc2bd26073","om":{"name":"m.om","sha256":"2e23f8b81d15612b4207db47bbf507d085ed15e02bb3'
    b'3a7d8ac657c511f5ecdc","size":2},"om_identity":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    b'aaaaaaa","precision":"d24a184bb0b8c0527becc8b74dc09fe814f0352f1b4876103890b756d37e367d","soc_version":"A'
    b'scend310P3"}},"task":"classification","toolchain":{"cann":"8.1.RC1","name":"emulator","origin":"emulated'
    b'","version":"1"},"verdicts":[{"criterion":"cosine","limits":{"dev":0.9},"value":0.99}],"version":"1.0.0"'
    b"}"
)


def test_a_manifest_of_the_first_layout_is_read_byte_for_byte(registry: Registry, store: FolderStore) -> None:
    store.put_if_absent(release_key("digits", "1.0.0"), LAYOUT_1)
    read = registry.get("digits", "1.0.0")
    assert (read.encoded(), read.authors, read.definition, read.evidence) == (LAYOUT_1, (), None, {})
    assert read.digest == "b557ee91ea26092aceff3a5c0420645a0cddffe2a235aeef8c2e336b6b452ac0"


@pytest.mark.parametrize("field", [{"evidence": {}}, {"definition": None}])
def test_a_manifest_can_be_judged_again(blobs: Blobs, field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="names its definition and the records that it is judged by"):
        release(blobs, **field)
