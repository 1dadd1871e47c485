"""The errors in CANN's own log files."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.compiling import plog

STAMP = "2021-12-09-16:10:22.539.201"


def line(text: str, level: str = "ERROR") -> str:
    return f"[{level}] GE(30741,atc.bin):{STAMP} [error_manager.cc:263]{text}\n"


def test_lines_of_other_levels_and_shapes_are_left_out() -> None:
    log = line("1 Run: fine", "INFO") + line("2 Link: bad") + "free text\n" + line("x", "EVENT")
    assert plog.error_lines(log) == ["GE error_manager.cc:263: 2 Link: bad"]


def test_older_lines_have_shorter_times() -> None:
    log = "[ERROR] AMCT(21177,atc.bin):2023-04-14-14:43:17[utils_acl.cpp:133]input image size is wrong"
    assert plog.error_lines(log) == ["AMCT utils_acl.cpp:133: input image size is wrong"]


def test_each_error_of_all_log_files_is_told_once(tmp_path: Path) -> None:
    for folder in ("debug/plog", "run/plog", "ascend/log/plog"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "plog-7_2021.log").write_text(line("same") + line(folder), encoding="utf-8")
    (tmp_path / "other.log").write_text(line("other"), encoding="utf-8")
    found = plog.errors(tmp_path)
    assert sorted(found) == sorted(
        f"GE error_manager.cc:263: {text}" for text in ("same", "debug/plog", "run/plog", "ascend/log/plog")
    )


def test_no_log_files_are_no_errors(tmp_path: Path) -> None:
    assert plog.errors(tmp_path) == ()


def test_of_a_large_log_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plog-1_2.log"
    path.write_bytes(line("first").encode() + b"\xff" * plog.MAX_BYTES + b"\n" + line("last").encode())
    assert plog.errors(tmp_path) == ("GE error_manager.cc:263: last",)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(line("secret"), encoding="utf-8")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "plog-1_2.log").symlink_to(outside)
    assert plog.errors(tmp_path / "work") == ()


def test_errors_are_bounded(tmp_path: Path) -> None:
    text = "".join(line(str(number)) for number in range(1000))
    (tmp_path / "plog-1_2.log").write_text(text, encoding="utf-8")
    assert len(plog.errors(tmp_path)) == plog.MAX_ERRORS


@given(st.text(max_size=100), st.integers(0, 100))
def test_any_text_is_read(text: str, at: int) -> None:
    whole = line("1 Run: bad")
    plog.error_lines(whole[:at] + text + whole[at:])
