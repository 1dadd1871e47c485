"""Blobs: files by their sha256, verified on every read, mended by whoever has the right content."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from races import calls_of, dies_at_call, race

from resources.digests import sha256_bytes
from resources.store.blobs import Artefact, Blobs, CorruptBlob, FolderStore, InvalidKey, NotInStore, ObjectTooLarge


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(FolderStore(tmp_path / "store"))


def damage(blobs: Blobs, artefact: Artefact, content: bytes) -> Path:
    path = blobs.store.local(f"blobs/sha256/{artefact.sha256}")
    path.chmod(0o644)
    path.write_bytes(content)
    return path


def test_a_file_becomes_an_artefact(blobs: Blobs, tmp_path: Path) -> None:
    source = tmp_path / "model.onnx"
    source.write_bytes(b"onnx" * 500_000)
    artefact = blobs.put_file(source)
    assert artefact == Artefact(sha256=sha256_bytes(source.read_bytes()), size=2_000_000, name="model.onnx")
    assert blobs.path(artefact).read_bytes() == source.read_bytes()
    assert blobs.put_file(source, name="other.onnx") == artefact.model_copy(update={"name": "other.onnx"})


def test_the_key_is_the_digest(blobs: Blobs) -> None:
    artefact = blobs.put_bytes(b"x", "x")
    assert list(blobs.store.list()) == [f"blobs/sha256/{sha256_bytes(b'x')}"]
    assert blobs.has(artefact)
    assert blobs.has(artefact.sha256)
    assert not blobs.has("0" * 64)


@given(content=st.binary(max_size=5000))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_read_is_what_was_put(blobs: Blobs, content: bytes) -> None:
    artefact = blobs.put_bytes(content, "x")
    assert (artefact.sha256, artefact.size) == (sha256_bytes(content), len(content))
    assert blobs.read(artefact) == content
    assert blobs.path(artefact.sha256).read_bytes() == content


def test_a_blob_on_disk_may_only_be_read(blobs: Blobs) -> None:
    path = blobs.path(blobs.put_bytes(b"x", "x"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


@pytest.mark.parametrize("content", [b"", b"righ", b"wrong", b"right\0"])
def test_a_damaged_blob_is_never_handed_out(blobs: Blobs, content: bytes) -> None:
    artefact = blobs.put_bytes(b"right", "x")
    path = damage(blobs, artefact, content)
    with pytest.raises(CorruptBlob, match="Run the stage that makes it again") as refusal:
        blobs.path(artefact)
    assert str(path) in str(refusal.value)
    with pytest.raises(CorruptBlob):
        blobs.read(artefact)


def test_putting_the_right_content_mends_a_damaged_blob(blobs: Blobs) -> None:
    artefact = blobs.put_bytes(b"right", "x")
    damage(blobs, artefact, b"wrong")
    blobs.put_bytes(b"right", "x")
    assert blobs.read(artefact) == b"right"
    assert stat.S_IMODE(blobs.path(artefact).stat().st_mode) == 0o444


def test_mending_killed_anywhere_leaves_a_damaged_or_a_right_blob(blobs: Blobs) -> None:
    artefact = blobs.put_bytes(b"right", "x")
    damage(blobs, artefact, b"wrong")
    points = calls_of(lambda: blobs.put_bytes(b"right", "x"))
    for number in range(1, points + 1, 9):
        path = damage(blobs, artefact, b"wrong")
        dies_at_call(lambda: blobs.put_bytes(b"right", "x"), number)
        assert path.read_bytes() in {b"right", b"wrong"}
    blobs.put_bytes(b"right", "x")
    assert blobs.read(artefact) == b"right"


def test_many_may_put_the_same_file_at_once(blobs: Blobs) -> None:
    content = os.urandom(200_000)
    assert len(set(race(lambda _: blobs.put_bytes(content, "x").sha256))) == 1
    assert blobs.read(sha256_bytes(content)) == content


def test_a_missing_blob_is_told(blobs: Blobs) -> None:
    for read in (blobs.path, blobs.read):
        with pytest.raises(NotInStore, match="0000"):
            read("0" * 64)


@pytest.mark.parametrize("digest", ["", "abc", "../../etc/passwd", "A" * 64, "0" * 65, "0" * 64 + "\n"])
def test_only_a_sha256_names_a_blob(blobs: Blobs, digest: str) -> None:
    for verb in (blobs.path, blobs.read, blobs.has):
        with pytest.raises(InvalidKey, match="no sha256"):
            verb(digest)


def test_a_reader_can_bound_what_it_takes(blobs: Blobs) -> None:
    artefact = blobs.put_bytes(b"12345", "x")
    with pytest.raises(ObjectTooLarge):
        blobs.read(artefact, limit=4)


@pytest.mark.parametrize("field", [{"sha256": "x"}, {"size": -1}, {"name": ""}, {"more": 1}])
def test_an_artefact_is_validated(field: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        Artefact.model_validate({"sha256": "0" * 64, "size": 1, "name": "x"} | field)
