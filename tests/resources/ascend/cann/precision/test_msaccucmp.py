"""Which msaccucmp is here, how it is called, and what its end means."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from compare_samples import absent, row, table

from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.errors import BadOutput, ToolFailed
from resources.ascend.cann.precision import msaccucmp, result_table
from resources.ascend.cann.precision.msaccucmp import Tool, compare, convert, find
from resources.ascend.cann.precision.result_table import Row
from resources.ascend.cann.site import Site
from resources.process import Completed, ProcessError, ProcessTimeout, ProgramMissing

TOOL = Tool("msaccucmp", ("/usr/bin/python3", "/cann/precision/msaccucmp.py"))
GOOD = table([row("conv1"), absent("relu1", "relu1", "There is no left dump file")])


def installation(home: Path) -> Installation:
    return Installation(home=home, arch="aarch64", kind="toolkit", version="8.1.RC1")


def on_path(**programs: str) -> Any:
    return programs.get


class TestFind:
    @pytest.mark.parametrize(
        "script",
        [
            "tools/operator_cmp/compare/msaccucmp.py",
            "aarch64-linux/tools/operator_cmp/compare/msaccucmp.pyc",
            "toolkit/tools/operator_cmp/compare/msaccucmp.py",
        ],
    )
    def test_the_toolkits_own_is_run_by_the_python_on_the_path(self, tmp_path: Path, script: str) -> None:
        (tmp_path / script).parent.mkdir(parents=True)
        (tmp_path / script).touch()
        found = find(installation(tmp_path), on_path(python3="/usr/bin/python3", msprobe="/usr/bin/msprobe"))
        assert found == Tool("msaccucmp", ("/usr/bin/python3", str(tmp_path / script)))

    def test_else_mindstudio_probes(self, tmp_path: Path) -> None:
        found = find(installation(tmp_path), on_path(msprobe="/usr/bin/msprobe"))
        assert found == Tool("msprobe", ("/usr/bin/msprobe",))

    def test_without_either_it_says_how_to_get_one(self, tmp_path: Path) -> None:
        with pytest.raises(ToolFailed, match=r"msaccucmp\.py nor msprobe is here.*pip install mindstudio-probe"):
            find(installation(tmp_path), on_path())


def test_arguments_are_the_tools_own() -> None:
    places = (Path("/d"), Path("/g"), Path("/m.json"), Path("/o"))
    assert TOOL.compare_argv(*places)[2:] == ["compare", "-m", "/d", "-g", "/g", "-f", "/m.json", "-out", "/o"]
    assert TOOL.convert_argv(Path("/d"), Path("/o"))[2:] == ["convert", "-d", "/d", "-out", "/o", "-t", "npy"]
    probe = Tool("msprobe", ("msprobe",))
    expected = ["msprobe", "compare", "-m", "offline_data", "-tp", "/d", "-gp", "/g", "-fr", "/m.json", "-o", "/o"]
    assert probe.compare_argv(*places) == expected
    assert probe.convert_argv(Path("/d"), Path("/o")) == ["msprobe", "parse", "-d", "/d", "-t", "npy", "-o", "/o"]


class Play:
    """A site on which one run ends as told and leaves files."""

    def __init__(self, code: int, files: Mapping[str, bytes], said: str = "[ERROR] all went wrong") -> None:
        self.code, self.files, self.output = code, files, said
        self.said: list[str] = []

    def say(self, words: str) -> None:
        self.said.append(words)

    def run(self, argv: list[str], *, cwd: Path, **_: Any) -> Completed:
        for name, content in self.files.items():
            (cwd / name).parent.mkdir(exist_ok=True)
            (cwd / name).write_bytes(content)
        return Completed(tuple(argv), self.code, self.output, "", 0.1)


def compared(play: Play, tmp_path: Path) -> tuple[Row, ...]:
    return compare(cast("Site", play), TOOL, Path("/d"), Path("/g"), Path("/m.json"), tmp_path)


@pytest.mark.parametrize("name", ["result_20260101000000.csv", "20260101/result_1.csv", "0_resnet_0_result_1.csv"])
def test_a_table_is_found_where_the_tool_puts_it(tmp_path: Path, name: str) -> None:
    play = Play(0, {name: GOOD})
    assert [found.npu for found in compared(play, tmp_path)] == ["conv1", "relu1"]
    assert play.said == []


@pytest.mark.parametrize("code", [2, 4, 27, 48])
def test_an_operator_that_could_not_be_compared_leaves_the_others(tmp_path: Path, code: int) -> None:
    play = Play(code, {"result_1.csv": GOOD})
    assert len(compared(play, tmp_path)) == 2
    assert play.said == [f"msaccucmp: {msaccucmp.ERRORS[code]}; what it compared stands"]


@pytest.mark.parametrize(
    ("code", "files", "words"),
    [
        (2, {}, r"compare failed \(exit code 2, no dump of some operators\); it said:\n\[ERROR\] all went wrong"),
        (6, {}, "arguments that it does not take"),
        (1, {"result_1.csv": GOOD}, "an error that it does not name"),
        (-9, {"result_1.csv": GOOD}, r"compare failed \(exit code -9\)"),
        (139, {"result_1.csv": GOOD}, r"compare failed \(exit code 139\)"),
        (0, {}, r"succeeded and wrote no result_\*\.csv"),
        (
            0,
            {"result_1.csv": table([absent("a", "a", "no golden")])},
            "compared nothing: no golden; is the .om compiled",
        ),
        (0, {"result_1.csv": table([])}, "compared nothing: its table has no figure"),
    ],
)
def test_every_other_end_is_a_failure(tmp_path: Path, code: int, files: dict[str, bytes], words: str) -> None:
    with pytest.raises(ToolFailed, match=words) as caught:
        compared(Play(code, files), tmp_path)
    assert "all went wrong" in caught.value.log


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ProcessTimeout(Completed(("python3",), -9, "half", "", 9.0), 3600),
            "took longer than 3600 s .* smaller batch",
        ),
        (ProgramMissing(Completed(("python3",), 127, "", "", 0.0), "cannot be started"), "cannot be started.*doctor"),
    ],
)
def test_a_tool_that_does_not_end_or_start_is_a_failure(tmp_path: Path, error: ProcessError, words: str) -> None:
    class Broken(Play):
        def run(self, argv: list[str], *, cwd: Path, **_: Any) -> Completed:  # noqa: ARG002
            raise error

    with pytest.raises(ToolFailed, match=words):
        compared(Broken(0, {}), tmp_path)


def test_a_table_that_is_none_is_bad_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadOutput, match=r"result_1\.csv: has no line"):
        compared(Play(0, {"result_1.csv": b"hello"}), tmp_path)
    monkeypatch.setattr(result_table, "MAX_BYTES", 10)
    with pytest.raises(BadOutput, match="more than 10 bytes"):
        compared(Play(0, {"result_1.csv": GOOD}), tmp_path)


def test_noise_in_what_it_says_is_cleaned_and_bounded(tmp_path: Path) -> None:
    noise = "\x1b[31m[ERROR] at last\x1b[0m" + "\n" * 5
    with pytest.raises(ToolFailed) as caught:
        compared(Play(6, {}, "line\n" * 10_000 + noise), tmp_path)
    assert str(caught.value).endswith("line\n[ERROR] at last")
    assert len(str(caught.value)) < 500


def test_a_conversion_tells_what_went_wrong(tmp_path: Path) -> None:
    site = cast("Site", Play(0, {}))
    assert convert(site, TOOL, Path("/d"), tmp_path) == ""
    assert "convert failed (exit code 4, a dump file that it cannot read)" in convert(
        cast("Site", Play(4, {})), TOOL, Path("/d"), tmp_path
    )


def test_the_python_is_the_one_that_the_tools_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, programs = tmp_path / "cann", tmp_path / "bin"
    (home / "tools" / "operator_cmp" / "compare").mkdir(parents=True)
    (home / "tools" / "operator_cmp" / "compare" / "msaccucmp.py").touch()
    programs.mkdir()
    (programs / "python3").write_text("#!/bin/sh\n")
    (programs / "python3").chmod(0o755)
    environment = SimpleNamespace(variables=lambda *_, **__: {"PATH": str(programs)})
    monkeypatch.setattr(msaccucmp, "child_environment", environment)
    assert msaccucmp.of(Site(installation(home))).command[0] == str(programs / "python3")
