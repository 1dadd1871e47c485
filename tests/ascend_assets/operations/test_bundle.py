"""Bundles: which version a change asks for, what is refused, and that nothing half-made is left."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import registry_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st
from moving import World, world

from ascend_assets.operations import bundle
from ascend_assets.operations.bundle import BundleRefused, Made, change
from resources.onnx_files.signature import Signature, TensorType
from resources.registry.bundles import Bundle, Bundles, Member
from resources.registry.documents import InvalidName
from resources.registry.manifests import AlreadyReleased, MissingArtefacts, NotReleased
from resources.registry.released import Released
from resources.registry.releases import Release
from resources.registry.versions import Change
from resources.store.blobs import Blobs, FolderStore
from resources.store.objects import blob_key

__all__ = ["world"]

WIDER = Signature(inputs=(TensorType(name="x", dtype="float32", shape=(4, 1, 8, 8)),), outputs=())


def publish(world: World, model: str, version: str = "1.0.0", **fields: Any) -> Release:
    made = samples.release(
        world.tools.blobs, version, model=model, **{"weights": f"{model} {version}".encode(), **fields}
    )
    world.tools.registry.publish(made)
    return made


def create(world: World, *members: str, files: Sequence[Path] = (), name: str = "speech", **how: Any) -> Made:
    pairs = [(model, version) for model, _, version in (member.partition("/") for member in members)]
    return bundle.create(world.tools, name=name, members=pairs, files=files, actor="ada", **how)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.json"
    path.write_text("{}")
    return path


def test_the_first_bundle_holds_its_releases_and_files_by_digest(world: World, tokens: Path) -> None:
    decoder, encoder = publish(world, "decoder"), publish(world, "encoder")
    made = create(world, "encoder/1.0.0", "decoder/1.0.0", files=[tokens], changelog="new")
    stored = Bundles(world.store).get("speech", "1.0.0")
    assert (made.bundle, made.change, made.new) == (stored, None, True)
    assert [member.release_digest for member in stored.members] == [decoder.digest, encoder.digest]
    assert world.tools.blobs.read(stored.files["tokens.json"]) == b"{}"
    assert (stored.created_by, stored.created_at, stored.changelog) == ("ada", world.moment, "new")


def test_the_very_same_again_is_the_one_that_is_there(world: World, tokens: Path) -> None:
    publish(world, "encoder")
    first = create(world, "encoder/1.0.0", files=[tokens])
    world.wait(1)
    again = create(world, "encoder/1.0.0", files=[tokens])
    assert (again.bundle, again.new) == (first.bundle, False)
    assert len(Bundles(world.store).versions("speech")) == 1


CHANGES = {
    "2.0.0": {"version": "2.0.0", "signature": WIDER},
    "1.1.0": {"version": "1.1.0", "weights": b"other"},
    "1.0.1": {"om": b"other"},
}


@pytest.mark.parametrize(("wanted", "fields"), CHANGES.items())
def test_a_bundle_changes_as_much_as_its_members(world: World, wanted: str, fields: dict[str, Any]) -> None:
    publish(world, "decoder")
    publish(world, "encoder", weights=b"same")
    create(world, "encoder/1.0.0", "decoder/1.0.0")
    version = fields.get("version", "1.0.1")
    publish(world, "encoder", **{"weights": b"same", **fields, "version": version})
    assert create(world, f"encoder/{version}", "decoder/1.0.0").bundle.version == wanted


def test_a_member_more_or_less_is_major_and_another_file_minor(world: World, tokens: Path) -> None:
    publish(world, "decoder")
    publish(world, "encoder")
    create(world, "encoder/1.0.0")
    assert create(world, "encoder/1.0.0", files=[tokens]).bundle.version == "1.1.0"
    tokens.write_text("[]")
    assert create(world, "encoder/1.0.0", files=[tokens]).bundle.version == "1.2.0"
    assert create(world, "encoder/1.0.0", "decoder/1.0.0", files=[tokens]).bundle.version == "2.0.0"
    assert create(world, "decoder/1.0.0", files=[tokens]).bundle.version == "3.0.0"


def test_the_same_artefacts_released_again_are_a_patch(world: World) -> None:
    publish(world, "encoder", weights=b"same")
    create(world, "encoder/1.0.0")
    publish(world, "encoder", "1.0.1", weights=b"same")
    assert create(world, "encoder/1.0.1").change is Change.PATCH


def test_a_dry_run_writes_nothing(world: World, tokens: Path) -> None:
    publish(world, "encoder")
    before = sorted(world.store.list())
    made = create(world, "encoder/1.0.0", files=[tokens], dry_run=True)
    assert (made.bundle.version, made.new) == ("1.0.0", True)
    assert sorted(world.store.list()) == before


REFUSED = {
    "is a model's name": {"name": "encoder"},
    "waiting is a model's name": {"name": "waiting", "models": ["waiting"]},
    "encoder is named more than once": {"members": ("encoder/1.0.0", "encoder/1.0.0")},
    "at least one release": {"members": ()},
    "is a bundle: name the models": {"members": ("speech/1.0.0",), "name": "other"},
}


@pytest.mark.parametrize(("why", "how"), REFUSED.items())
def test_what_is_no_bundle_is_refused(world: World, why: str, how: dict[str, Any]) -> None:
    publish(world, "encoder")
    create(world, "encoder/1.0.0")
    others = {key: value for key, value in how.items() if key != "members"}
    with pytest.raises(BundleRefused, match=why):
        create(world, *how.get("members", ("encoder/1.0.0",)), **others)
    assert Bundles(world.store).names() == ("speech",)


def test_files_that_cannot_be_kept_are_refused_before_anything_is_written(world: World, tokens: Path) -> None:
    publish(world, "encoder")
    before = sorted(world.store.list())
    odd = tokens.with_name("two words.json")
    odd.write_text("")
    twin = tokens.parent / "below" / tokens.name
    twin.parent.mkdir()
    twin.write_text("")
    pipe = tokens.with_name("pipe")
    os.mkfifo(pipe)
    for files, kind, why in (
        ([odd], BundleRefused, "is no name for a file"),
        ([tokens, twin], BundleRefused, "two files are named tokens.json"),
        ([pipe], OSError, "no regular file"),
        ([tokens.with_name("gone")], OSError, "No such file"),
    ):
        with pytest.raises(kind, match=why):
            create(world, "encoder/1.0.0", files=files)
    assert sorted(world.store.list()) == before


def test_a_file_too_large_is_refused(world: World, tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(world, "encoder")
    monkeypatch.setattr(bundle, "MAX_FILE_BYTES", 1)
    with pytest.raises(BundleRefused, match="has 2 bytes; at most 1"):
        create(world, "encoder/1.0.0", files=[tokens])


def test_releases_that_are_not_all_there_are_refused(world: World) -> None:
    with pytest.raises(NotReleased, match=r"no release 1\.0\.0"):
        create(world, "encoder/1.0.0")
    made = publish(world, "encoder")
    world.store.local(blob_key(made.onnx.sha256)).unlink()
    with pytest.raises(MissingArtefacts, match=made.onnx.sha256):
        create(world, "encoder/1.0.0")
    with pytest.raises(InvalidName):
        create(world, "encoder/1.0.0", name="No Name")
    assert Bundles(world.store).names() == ()


def test_of_two_at_once_one_has_the_version(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(world, "encoder")
    publish(world, "decoder")
    winner = create(world, "encoder/1.0.0").bundle
    monkeypatch.setattr(Bundles, "latest", lambda *_: None)
    with pytest.raises(AlreadyReleased) as lost:
        create(world, "decoder/1.0.0")
    assert lost.value.winner == winner


RELEASES = st.sampled_from(("a", "b", "c"))
KINDS = st.sampled_from(("same", "om", "weights", "signature"))


@pytest.fixture(scope="module")
def of_kind(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Release]:
    blobs = Blobs(FolderStore(tmp_path_factory.mktemp("law")))
    fields: dict[str, dict[str, Any]] = {
        "same": {},
        "om": {"om": b"other"},
        "weights": {"weights": b"other"},
        "signature": {"signature": WIDER},
    }
    return cache(lambda model, kind: samples.release(blobs, model=model, **fields[kind]))


@settings(deadline=None)
@given(before=st.dictionaries(RELEASES, KINDS, min_size=1), now=st.dictionaries(RELEASES, KINDS, min_size=1))
def test_there_and_back_again_is_the_same_change(
    of_kind: Callable[[str, str], Release], before: dict[str, str], now: dict[str, str]
) -> None:
    then, after = (tuple(of_kind(model, kind) for model, kind in sorted(some.items())) for some in (before, now))
    there, back = change(whole(then), after, {}), change(whole(after), then, {})
    assert there is back
    assert (there is None) == (before == now)
    assert (there is Change.MAJOR) >= (before.keys() != now.keys())


def whole(members: tuple[Release, ...]) -> Released:
    listed = tuple(Member(model=r.model, version=r.version, release_digest=r.digest) for r in members)
    manifest = Bundle(model="speech", version="1.0.0", members=listed, created_at=samples.NOON, created_by="ada")
    return Released(manifest, members)
