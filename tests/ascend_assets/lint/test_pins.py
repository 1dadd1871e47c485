"""Pinned dependencies: one version each, in one file, or a finding that says which line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lint_samples import spec, write

from ascend_assets.lint import pins

HASH = "sha256:" + "a" * 64


def read(folder: Path, text: str) -> pins.Pins:
    return pins.read(write(folder, requirements__txt=text), "requirements.txt")


@pytest.mark.parametrize(
    ("line", "pinned", "hashed"),
    [
        ("numpy==2.4.6", "numpy==2.4.6", 0),
        ("numpy == 2.4.6  # why", "numpy==2.4.6", 0),
        ("numpy[extra]===2.4.6", "numpy==2.4.6", 0),
        ('numpy==2.4.6 ; python_version < "3.12"', "numpy==2.4.6", 0),
        (f"numpy==2.4.6 --hash={HASH}", "numpy==2.4.6", 1),
        (f"numpy==2.4.6 \\\n    --hash={HASH} \\\n    --hash={HASH}", "numpy==2.4.6", 1),
        (f"tool @ https://example.org/tool.whl --hash={HASH}", "tool @ https://example.org/tool.whl", 1),
    ],
)
def test_an_exact_version_is_pinned(tmp_path: Path, line: str, pinned: str, hashed: int) -> None:
    assert read(tmp_path, f"# head\n\n{line}\n") == pins.Pins((pinned,), hashed, ())


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy>=2",
        "numpy~=2.4.6",
        "numpy==2.*",
        "numpy==2.4.6,!=2.4.7,==2.4.6",
        "tool @ https://example.org/tool.whl",
        "tool @ git+https://example.org/tool.git@main",
        "-r other.txt",
        "-c constraints.txt",
        "-e .",
        "--index-url https://example.org/simple",
        "--extra-index-url=https://example.org/simple",
        "--pre",
        "./local.whl",
        "not a requirement at all",
    ],
)
def test_what_leaves_a_version_open_is_a_finding_with_its_line(tmp_path: Path, line: str) -> None:
    found = read(tmp_path, f"numpy==2.4.6\n\n{line}\n")
    assert found.pinned == ("numpy==2.4.6",)
    assert [(f.code, f.where) for f in found.findings] == [("not_pinned", "requirements.txt:3")]


def test_options_that_say_how_and_not_where_are_allowed(tmp_path: Path) -> None:
    assert read(tmp_path, "--require-hashes\n--only-binary=:all:\n").findings == ()


def test_a_hash_of_another_kind_is_no_hash(tmp_path: Path) -> None:
    assert read(tmp_path, "numpy==2.4.6 --hash=md5:abc\n").hashed == 0


def test_a_continuation_at_the_end_is_not_lost(tmp_path: Path) -> None:
    assert len(read(tmp_path, "numpy>=1 \\").findings) == 1


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path, name: str) -> None:
    assert [f.code for f in pins.read(tmp_path, name).findings] == ["no_requirements"]


def test_a_file_that_is_not_text_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"\xff\xfe")
    assert [f.code for f in pins.read(tmp_path, "requirements.txt").findings] == ["no_requirements"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("numpy==2.4.6\n")
    inside = tmp_path / "model"
    inside.mkdir()
    (inside / "requirements.txt").symlink_to("../outside.txt")
    assert [f.code for f in pins.read(inside, "requirements.txt").findings] == ["no_requirements"]


def test_a_huge_file_is_a_finding(tmp_path: Path) -> None:
    assert read(tmp_path, "#" * (pins.MOST_BYTES + 1)).findings[0].code == "no_requirements"


def test_a_python_source_needs_a_requirements_file(tmp_path: Path) -> None:
    found = pins.count(tmp_path, spec(requirements={}))
    assert found.value == 1
    assert "requirements.python" in found.findings[0].message


def test_an_onnx_source_runs_no_code(tmp_path: Path) -> None:
    found = pins.count(tmp_path, spec(requirements={}, source={"onnx": "model.onnx"}))
    assert (found.judged, found.value) == (True, 0)


def test_the_note_says_how_many_are_pinned_and_hashed(tmp_path: Path) -> None:
    write(tmp_path, requirements__txt=f"a==1\nb==2 --hash={HASH}\n")
    assert pins.count(tmp_path, spec()).note == "2 pinned in requirements.txt, 1 of them with a hash"


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_read_and_each_line_is_a_pin_a_finding_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("pins")
    (folder / "requirements.txt").write_text(text, encoding="utf-8")
    found = pins.read(folder, "requirements.txt")
    assert len(found.pinned) + len(found.findings) <= len(text.splitlines())
    assert found.hashed <= len(found.pinned)
