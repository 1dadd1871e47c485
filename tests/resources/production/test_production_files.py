"""A bounded look at a folder that others write to."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.production.files import DEEPEST, File, fingerprint, look


def put(path: Path, at: float = 1000.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.utime(path, (at, at))
    return path


def names(folder: Path, **more: float) -> list[str]:
    return [file.name for file in look(folder, ".parquet", **more).files]  # type: ignore[arg-type]


def test_files_come_newest_first_from_every_folder_below(tmp_path: Path) -> None:
    put(tmp_path / "a.parquet", 10)
    put(tmp_path / "day" / "b.parquet", 30)
    put(tmp_path / "day" / "hour" / "c.parquet", 20)
    put(tmp_path / "day" / "notes.txt", 40)
    assert names(tmp_path) == ["day/b.parquet", "day/hour/c.parquet", "a.parquet"]
    assert names(tmp_path, since=20) == ["day/b.parquet", "day/hour/c.parquet"]


def test_what_is_being_written_and_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    put(tmp_path / ".partial" / "a.parquet")
    put(tmp_path / ".b.parquet")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "link.parquet").symlink_to(put(tmp_path / "elsewhere.txt"))
    (tmp_path / "round").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.parquet")
    assert names(tmp_path) == []


def test_a_look_goes_so_deep_and_reads_so_many_names(tmp_path: Path) -> None:
    put(tmp_path.joinpath(*"abcd"[:DEEPEST], "in.parquet"))
    put(tmp_path.joinpath(*"abcde"[: DEEPEST + 1], "out.parquet"))
    assert names(tmp_path) == ["a/b/c/d/in.parquet"]
    for n in range(20):
        put(tmp_path / f"{n}.parquet")
    found = look(tmp_path, ".parquet", most=10)
    assert not found.whole
    assert len(found.files) <= 10


def test_no_folder_has_no_files_and_one_that_is_none_is_an_error(tmp_path: Path) -> None:
    assert look(tmp_path / "gone", ".parquet").files == ()
    with pytest.raises(NotADirectoryError):
        look(put(tmp_path / "file"), ".parquet")


_files = st.builds(File, st.text(max_size=5), st.integers(0, 9), st.integers(0, 9))


@given(st.lists(_files, max_size=6), st.randoms())
def test_a_fingerprint_knows_no_order(files: list[File], random: "object") -> None:
    other = list(files)
    random.shuffle(other)  # type: ignore[attr-defined]
    assert fingerprint(files) == fingerprint(other)


@given(st.sets(_files, max_size=6), st.sets(_files, max_size=6))
def test_other_files_have_another_fingerprint(one: set[File], other: set[File]) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


def test_a_name_of_any_bytes_is_a_name(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.parquet"))).write_text("x")
    found = look(tmp_path, ".parquet").files
    assert len(found) == 1
    assert fingerprint(found)
