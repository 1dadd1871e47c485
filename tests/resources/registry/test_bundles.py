"""A bundle is published once, names its members exactly, and is found like a release."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from registry_samples import bundle, release

from resources.registry import released
from resources.registry.bundles import Bundles, bundle_key
from resources.registry.manifests import AlreadyReleased, CorruptRelease, MissingArtefacts, NotReleased
from resources.registry.releases import Registry, Release
from resources.store.blobs import Blobs, FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def blobs(store: FolderStore) -> Blobs:
    return Blobs(store)


@pytest.fixture
def bundles(store: FolderStore) -> Bundles:
    return Bundles(store)


@pytest.fixture
def members(store: FolderStore, blobs: Blobs) -> tuple[Release, ...]:
    found = (release(blobs, model="encoder"), release(blobs, model="decoder", authors=("Bob <bob@example.com>",)))
    for member in found:
        Registry(store).publish(member)
    return found


def rewrite(store: FolderStore, key: str, content: bytes) -> None:
    path = store.local(key)
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_bundle_is_what_was_published(bundles: Bundles, blobs: Blobs, members: tuple[Release, ...]) -> None:
    made = bundle(blobs, *members)
    assert bundles.publish(made) == bundles.publish(made) == made.digest
    assert bundles.get("speech", "1.0.0", digest=made.digest) == made
    assert (bundles.names(), bundles.latest("speech")) == (("speech",), made)
    assert list(bundles.store.list("bundles/")) == ["bundles/speech/releases/1.0.0.json"]


def test_a_version_is_taken_once(bundles: Bundles, blobs: Blobs, members: tuple[Release, ...]) -> None:
    bundles.publish(bundle(blobs, *members))
    with pytest.raises(AlreadyReleased, match="take the next version"):
        bundles.publish(bundle(blobs, *members, created_by="Bob"))


def test_versions_are_listed_as_numbers(bundles: Bundles, blobs: Blobs, members: tuple[Release, ...]) -> None:
    for version in ("1.10.0", "1.9.0"):
        bundles.publish(bundle(blobs, *members, version=version))
    assert [str(v) for v in bundles.versions("speech")] == ["1.9.0", "1.10.0"]
    assert bundles.latest("another") is None
    with pytest.raises(NotReleased, match=r"no release 3\.0\.0; the newest are: 1\.9\.0, 1\.10\.0"):
        bundles.get("speech", "3.0.0")


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 10_000])
def test_a_damaged_manifest_is_never_handed_out(
    bundles: Bundles, store: FolderStore, blobs: Blobs, members: tuple[Release, ...], content: bytes
) -> None:
    bundles.publish(bundle(blobs, *members))
    rewrite(store, bundle_key("speech", "1.0.0"), content)
    with pytest.raises(CorruptRelease, match="Restore it"):
        bundles.get("speech", "1.0.0")


def test_a_changed_or_misplaced_manifest_is_refused(
    bundles: Bundles, store: FolderStore, blobs: Blobs, members: tuple[Release, ...]
) -> None:
    made = bundle(blobs, *members)
    bundles.publish(made)
    rewrite(store, bundle_key("speech", "1.0.0"), bundle(blobs, *members, created_by="Mallory").encoded())
    with pytest.raises(CorruptRelease, match="the manifest was changed"):
        bundles.get("speech", "1.0.0", digest=made.digest)
    store.put_if_absent(bundle_key("speech", "2.0.0"), made.encoded())
    with pytest.raises(CorruptRelease, match=r"holds the manifest of speech 1\.0\.0"):
        bundles.get("speech", "2.0.0")


def test_a_bundle_is_validated(blobs: Blobs, members: tuple[Release, ...]) -> None:
    whole = bundle(blobs, *members)
    bad: list[tuple[dict[str, Any], str]] = [
        ({"members": ()}, "members"),
        ({"members": tuple(reversed(whole.members))}, "sorted by name"),
        ({"members": (whole.members[0], whole.members[0])}, "one per model"),
        ({"model": "encoder"}, "cannot hold itself"),
        ({"version": "v1"}, "version"),
        ({"sneaked": 1}, "sneaked"),
    ]
    for fields, why in bad:
        with pytest.raises(ValidationError, match=why):
            bundle(blobs, **{"members": whole.members} | fields)


def test_a_bundle_is_found_with_its_members(store: FolderStore, blobs: Blobs, members: tuple[Release, ...]) -> None:
    made = bundle(blobs, *members)
    Bundles(store).publish(made)
    found = released.find(store, "speech", "1.0.0", digest=made.digest)
    assert (found.name, found.version, found.digest, found.is_bundle) == ("speech", "1.0.0", made.digest, True)
    assert [r.model for r in found.releases] == ["decoder", "encoder"]
    assert found.authors == {"Ada <ada@example.com>", "Bob <bob@example.com>"}
    assert found.blobs == members[0].blobs | members[1].blobs | made.blobs
    assert released.latest(store, "speech") == found
    assert [str(v) for v in released.versions(store, "speech")] == ["1.0.0"]
    released.check(store, found)
    blobs.path(made.files["tokenizer"]).unlink()
    with pytest.raises(MissingArtefacts, match=f"{made.files['tokenizer'].sha256}.*[Rr]estore"):
        released.check(store, found)


def test_a_member_is_exactly_the_release_that_was_bundled(
    store: FolderStore, blobs: Blobs, members: tuple[Release, ...]
) -> None:
    Bundles(store).publish(bundle(blobs, *members))
    forged = members[0].model_copy(update={"changelog": "another"})
    rewrite(store, "models/encoder/releases/1.0.0.json", forged.encoded())
    with pytest.raises(CorruptRelease, match="encoder"):
        released.find(store, "speech", "1.0.0")


def test_a_release_is_found_alone(store: FolderStore, members: tuple[Release, ...]) -> None:
    found = released.find(store, "encoder", "1.0.0")
    assert (found.releases, found.is_bundle, found.blobs) == ((members[0],), False, members[0].blobs)
    with pytest.raises(NotReleased, match="has no release yet"):
        released.latest(store, "nothing")
