"""Files that come from elsewhere lie beside what was frozen, in an archive of the same kind."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from resources.digests import sha256_file
from resources.tarball import ArchiveError, BadArchive, Member, UnsafePath, pack, unpack
from resources.tarball_extended import extended


def members(files: dict[str, bytes]) -> Iterator[Member]:
    for name in sorted(files):
        yield Member(name, len(files[name]), BytesIO(files[name]), executable=name.endswith(".sh"))


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    files = {"a.txt": b"a", "run.sh": b"#!/bin/sh\n", "z/deep.txt": b"deep"}
    links = [Member.link("link", "a.txt")]
    return pack(iter(sorted([*members(files), *links], key=lambda m: m.path)), tmp_path / "frozen.tar")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "some-model"
    path.write_bytes(b"weights" * 1000)
    return path


def test_both_are_there_as_they_were(frozen: Path, model: Path, tmp_path: Path) -> None:
    folder = unpack(extended(frozen, {"trained/model.onnx": model}, tmp_path / "both.tar"), tmp_path / "both")
    assert (folder / "trained" / "model.onnx").read_bytes() == model.read_bytes()
    assert (folder / "z" / "deep.txt").read_bytes() == b"deep"
    assert (folder / "link").readlink() == Path("a.txt")
    assert (folder / "run.sh").stat().st_mode & 0o100
    assert not (folder / "a.txt").stat().st_mode & 0o100


def test_the_same_files_are_the_same_bytes(frozen: Path, model: Path, tmp_path: Path) -> None:
    one = extended(frozen, {"trained/b": model, "trained/a": model}, tmp_path / "one.tar")
    two = extended(frozen, {"trained/a": model, "trained/b": model}, tmp_path / "two.tar")
    assert sha256_file(one) == sha256_file(two)


@pytest.mark.parametrize("taken", ["trained", "trained/model.onnx", "trained/other"])
def test_what_the_folder_has_itself_is_never_replaced_or_joined(model: Path, tmp_path: Path, taken: str) -> None:
    frozen = pack(members({"a.txt": b"a", taken: b"planted"}), tmp_path / "frozen.tar")
    with pytest.raises(UnsafePath, match="give it another name"):
        extended(frozen, {"trained/model.onnx": model}, tmp_path / "both.tar")
    assert not (tmp_path / "both.tar").exists()


def test_a_link_where_files_are_added_is_refused(model: Path, tmp_path: Path) -> None:
    frozen = pack(iter([Member("a", 1, BytesIO(b"a")), Member.link("trained", "a")]), tmp_path / "frozen.tar")
    with pytest.raises(UnsafePath):
        extended(frozen, {"trained/model.onnx": model}, tmp_path / "both.tar")


@pytest.mark.parametrize("name", ["../out", "/etc/x", "trained/../../x"])
def test_an_added_path_stays_inside(frozen: Path, model: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafePath):
        extended(frozen, {name: model}, tmp_path / "both.tar")


def test_what_is_no_archive_or_not_there_leaves_nothing(frozen: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(BadArchive):
        extended(model, {"trained/a": model}, tmp_path / "both.tar")
    with pytest.raises(ArchiveError):
        extended(frozen, {"trained/a": tmp_path / "missing"}, tmp_path / "both.tar")
    assert not (tmp_path / "both.tar").exists()
