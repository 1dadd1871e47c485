"""One content, one archive; and an archive from anybody is unpacked whole, inside its folder, or not at all."""

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from races import dies_at_call

from resources.digests import sha256_file
from resources.tarball import (
    ArchiveError,
    BadArchive,
    Limits,
    Member,
    TooLarge,
    UnsafePath,
    check_link,
    check_path,
    pack,
    sort_key,
    unpack,
)

names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=20).filter(
    lambda name: name not in {".", ".."} and name.lower() != ".git" and len(name.encode()) <= 200
)
paths = st.lists(names, min_size=1, max_size=8).map("/".join)
files = st.dictionaries(paths, st.binary(max_size=3000), min_size=1, max_size=6).filter(
    lambda made: not any(other.startswith(f"{path}/") for path in made for other in made)
)


def file(path: str, content: bytes = b"x", *, executable: bool = False) -> Member:
    return Member(path, len(content), io.BytesIO(content), executable)


def packed(folder: Path, *members: Member, name: str = "a.tar") -> Path:
    return pack(iter(sorted(members, key=lambda m: sort_key(m.path))), folder / name)


def hostile(folder: Path, *infos: tarfile.TarInfo, content: bytes = b"x") -> Path:
    """A tar as somebody else might have made it: `infos` as they are, in their order."""
    with tarfile.open(folder / "hostile.tar", "w:") as tar:
        for info in infos:
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content))
    return folder / "hostile.tar"


def info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def tree(folder: Path) -> dict[str, object]:
    """Everything in a folder: content and mode of files, targets of links."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            found[name] = (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    return found


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    members = (
        file("defs.yaml", b"name: digits"),
        file("train.py", b"#!/usr/bin/env python", executable=True),
        file("data/" + "long/" * 60 + "name", b"deep"),
        file("empty", b""),
        Member.link("data/link", "../train.py"),
    )
    into = unpack(packed(tmp_path, *members), tmp_path / "out")
    assert tree(into) == {
        "defs.yaml": (b"name: digits", 0o644),
        "train.py": (b"#!/usr/bin/env python", 0o755),
        "data/" + "long/" * 60 + "name": (b"deep", 0o644),
        "empty": (b"", 0o644),
        "data/link": "../train.py",
    }


@given(content=files)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_files_come_back_and_give_one_digest(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    one = packed(folder, *(file(path, data) for path, data in content.items()), name="one.tar")
    other = packed(folder, *(file(path, data) for path, data in reversed(content.items())), name="other.tar")
    assert sha256_file(one) == sha256_file(other)
    assert tree(unpack(one, folder / "out")) == {path: (data, 0o644) for path, data in content.items()}


def test_the_format_does_not_change(tmp_path: Path) -> None:
    """Digests of sources stand in manifests for years; another digest here orphans them all."""
    archive = packed(tmp_path, file("a", b"1"), file("b/ü", b"22", executable=True), Member.link("c", "a"))
    assert archive.stat().st_size == 10_240
    assert sha256_file(archive) == "32a33eb9d9729850ff2fbddda067854ecff43bf700b3927e373ba7c0dc8ba999"


def test_an_archive_holds_no_owner_and_no_time(tmp_path: Path) -> None:
    with tarfile.open(packed(tmp_path, file("a"))) as tar:
        member = tar.getmember("a")
    assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)


OUTSIDE = ["", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", ".git/config", "a/.GIT/x", "a\0b"]


@pytest.mark.parametrize("path", [*OUTSIDE, "\udcff", "x" * 256, "x/" * 600 + "x"])
def test_a_path_must_stay_inside_and_fit_everywhere(tmp_path: Path, path: str) -> None:
    with pytest.raises(UnsafePath):
        check_path(path)
    with pytest.raises(UnsafePath):
        packed(tmp_path, file(path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("a", "/etc/passwd"),
        ("a", ".."),
        ("a", "../x"),
        ("a/b", "../../x"),
        ("a/b/c", "../../../x"),
        ("a/b/c", "x/../y"),
        ("a/b/c", "../x/../../y"),
        ("a", "./b"),
        ("a", "b//c"),
        ("a", ""),
        ("a", "x" * 2000),
    ],
)
def test_a_link_must_stay_inside(tmp_path: Path, path: str, target: str) -> None:
    with pytest.raises(UnsafePath, match=r"inside the model's folder"):
        check_link(path, target)
    with pytest.raises(ArchiveError):
        unpack(hostile(tmp_path, info(path, tarfile.SYMTYPE, target)), tmp_path / "out")


def test_links_inside_are_fine() -> None:
    with pytest.raises(UnsafePath):
        check_link("a", "b\0")
    for path, target in (("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d/e"), ("a/b", "c/d")):
        check_link(path, target)


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ([info("../../escaped")], UnsafePath),
        ([info("/escaped")], UnsafePath),
        ([info("link", tarfile.SYMTYPE, "folder"), info("link/x")], UnsafePath),
        ([info("x"), info("x/y")], UnsafePath),
        ([info("a"), info("a")], BadArchive),
        ([info("b"), info("a")], BadArchive),
        ([info("a", tarfile.LNKTYPE, "/etc/passwd")], BadArchive),
        ([info("a", tarfile.CHRTYPE)], BadArchive),
        ([info("a", tarfile.FIFOTYPE)], BadArchive),
        ([info("a", tarfile.DIRTYPE)], BadArchive),
        ([info("a", tarfile.CONTTYPE)], BadArchive),
    ],
    ids=lambda value: "+".join(i.name for i in value) if isinstance(value, list) else value.__name__,
)
def test_a_hostile_archive_writes_nothing(
    tmp_path: Path, members: list[tarfile.TarInfo], error: type[ArchiveError]
) -> None:
    archive, deep = hostile(tmp_path, *members), tmp_path / "deep"
    deep.mkdir()
    with pytest.raises(error):
        unpack(archive, deep / "out")
    assert list(deep.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "hostile.tar"]


def test_an_archive_may_be_too_large_in_two_ways(tmp_path: Path) -> None:
    members = [file(str(n), b"12345") for n in range(3)]
    archive = packed(tmp_path, *members)
    for limits in (Limits(members=2), Limits(size=14)):
        with pytest.raises(TooLarge, match="keep data sets and environments out"):
            pack(iter([file(str(n), b"12345") for n in range(3)]), tmp_path / "b.tar", limits)
        with pytest.raises(TooLarge):
            unpack(archive, tmp_path / "out", limits)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar"]
    unpack(archive, tmp_path / "out", Limits(members=3, size=15))


def test_a_claim_of_gigabytes_is_refused_before_they_are_read(tmp_path: Path) -> None:
    claimed = info("a")
    claimed.size = 10**12
    (tmp_path / "a.tar").write_bytes(claimed.tobuf(tarfile.GNU_FORMAT) + b"\0" * 10_000)
    with pytest.raises(TooLarge):
        unpack(tmp_path / "a.tar", tmp_path / "out")
    claimed.size = 10**9
    (tmp_path / "a.tar").write_bytes(claimed.tobuf(tarfile.GNU_FORMAT) + b"\0" * 10_000)
    with pytest.raises(BadArchive):
        unpack(tmp_path / "a.tar", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"no tar", b"PK\3\4" + b"\0" * 600, b"\x1f\x8b" + b"\0" * 600, b"x" * 2000])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BadArchive, match="is no archive of sources, or damaged"):
        unpack(tmp_path / "x", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.addfile(info("a"), io.BytesIO())
    with pytest.raises(BadArchive):
        unpack(tmp_path / "x.tar.gz", tmp_path / "out")


@given(position=st.integers(0, 4 * 512 - 1), flip=st.integers(1, 255))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_never_gets_anything_out_of_the_folder(
    tmp_path_factory: pytest.TempPathFactory, position: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    data = bytearray(packed(folder, file("a", b"1"), Member.link("b", "a")).read_bytes())
    data[position] ^= flip
    (folder / "a.tar").write_bytes(data)
    try:
        found = tree(unpack(folder / "a.tar", folder / "out"))
    except ArchiveError:
        found = {}
    # A header has a check sum; of the contents, `b"1"` is one byte of 512.
    assert found == {} or set(found) == {"a", "b"}
    assert {p.name for p in folder.iterdir()} <= {"a.tar", "out"}


def test_an_archive_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    """Also where a member ends, after zeros that look like an archive's own end."""
    whole = packed(tmp_path, file("a", b"\0" * (20_480 - 512)), file("b", b"2")).read_bytes()
    for size in (*range(0, len(whole), 371), *range(0, len(whole), 512)):
        (tmp_path / "cut.tar").write_bytes(whole[:size])
        with pytest.raises(BadArchive):
            unpack(tmp_path / "cut.tar", tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_folder_that_exists_is_never_written_to(tmp_path: Path) -> None:
    archive = packed(tmp_path, file("a"))
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError):
        unpack(archive, tmp_path / "out")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        unpack(archive, tmp_path / "dangling")


def test_an_empty_archive_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="is the folder empty"):
        packed(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"1234"])
def test_a_member_that_gives_too_little_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"data\.bin cannot be archived"):
        packed(tmp_path, Member("data.bin", 5, io.BytesIO(content)))
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_members_leaves_the_archive_as_it_was(tmp_path: Path) -> None:
    before = packed(tmp_path, file("a")).read_bytes()

    def members() -> Iterator[Member]:
        yield file("a", b"another")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pack(members(), tmp_path / "a.tar")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar"]
    assert (tmp_path / "a.tar").read_bytes() == before


def test_killed_anywhere_there_is_the_whole_or_nothing(tmp_path: Path) -> None:
    archive = packed(tmp_path, file("a", b"1" * 700), Member.link("b", "a"))
    work: tuple[Callable[[Path], object], ...] = (
        lambda out: unpack(archive, out),
        lambda out: packed(out.parent, file("a", b"1" * 700), name=out.name),
    )
    for number, act in enumerate(work):
        left, point = set(), 1
        while dies_at_call(lambda: act(tmp_path / f"{number}-{point}"), point):  # noqa: B023 - called at once
            out = tmp_path / f"{number}-{point}"
            left.add(os.path.lexists(out))
            assert not out.is_dir() or set(tree(out)) == {"a", "b"}
            assert not out.is_file() or out.stat().st_size == 10_240
            point += 41
        assert left == {False, True}
