"""What an `.om` was compiled from follows from its own bytes; one that cannot run here is refused with its remedy."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from om_samples import write_om

from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.om import om_file, om_identity
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.options.command import arguments
from resources.ascend.cann.options.option_files import option_files
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import NotLoadable, ToolchainIdentity

ONNX = "ab" * 32
HERE = Installation(Path("/opt/cann"), "x86_64", "toolkit", "8.1.RC1", internal="7.7.0.1.238")
IN_FORCE = ToolchainIdentity(
    name="cann", version="7.7.0.1.238 V100R001C21SPC001B238", cann="8.1.RC1", origin="measured"
)
OPTIONS = CompileOptions(soc_version="Ascend310P3", input_shape={"x": (1, 3, 8, 8)})


def compiled(folder: Path, options: CompileOptions = OPTIONS, *, onnx: str = ONNX, **says: Any) -> OmFile:
    """An `.om` as atc leaves it in our private folder, where every file is named by its content."""
    argv = arguments(options, f"{onnx}.onnx", "out/m", option_files(options))
    own = {"soc_version": options.soc_version, "command_line": " ".join(["atc.bin", *argv])}
    return om_file.read(write_om(folder / "m.om", **own | says))


def identity(folder: Path, options: CompileOptions = OPTIONS, **says: Any) -> str:
    return om_identity.info(compiled(folder, options, **says), IN_FORCE).identity


def test_a_file_says_what_it_was_compiled_from(tmp_path: Path) -> None:
    info = om_identity.info(compiled(tmp_path), IN_FORCE)
    assert info.onnx_sha256 == ONNX
    assert info.options == OPTIONS
    assert info.toolchain == IN_FORCE


def test_the_same_work_has_the_same_identity_wherever_it_is_opened(tmp_path: Path) -> None:
    om = compiled(tmp_path)
    other = ToolchainIdentity(name="cann", version="8.2.0.0.201", cann="8.2.RC1", origin="measured")
    assert om_identity.info(om, IN_FORCE).identity == om_identity.info(om, other).identity
    assert identity(tmp_path, weights=b"another build") == om_identity.info(om, IN_FORCE).identity


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({}, {"onnx": "cd" * 32}, id="another model"),
        pytest.param({"precision_mode": "must_keep_origin_dtype"}, {}, id="another option"),
        pytest.param({"soc_version": "Ascend910B3"}, {}, id="another SoC"),
        pytest.param({"keep_dtype": ("Softmax_1",)}, {}, id="an option file"),
        pytest.param({"keep_dtype": ("Softmax_2",)}, {}, id="another content of it"),
        pytest.param({}, {"atc_version": "7.6.0.1.220"}, id="another CANN"),
    ],
)
def test_other_work_has_another_identity(tmp_path: Path, options: dict[str, Any], says: dict[str, Any]) -> None:
    known = {identity(tmp_path), identity(tmp_path, OPTIONS.model_copy(update={"keep_dtype": ("Gelu_9",)}))}
    assert identity(tmp_path, OPTIONS.model_copy(update=options), **says) not in known


def test_an_option_that_nobody_knows_is_part_of_the_identity(tmp_path: Path) -> None:
    line = compiled(tmp_path).command_line
    assert identity(tmp_path, command_line=f"{line} --new_flag=1") != identity(tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_options_come_back_from_the_file(tmp_path: Path, data: st.DataObject) -> None:
    batch = data.draw(st.integers(1, 64))
    mode = data.draw(st.sampled_from([None, "force_fp32", "allow_mix_precision"]))
    gears = data.draw(st.sampled_from([(), (1, 2, 8)]))
    shape = (-1 if gears else batch, 3)
    options = CompileOptions(
        soc_version="Ascend310P3", input_shape={"x": shape}, precision_mode=mode, dynamic_batch_size=gears
    )
    assert om_identity.info(compiled(tmp_path, options), IN_FORCE).options == options


def test_what_another_cann_compiled_is_said(tmp_path: Path) -> None:
    info = om_identity.info(compiled(tmp_path, atc_version="7.6.0.1.220"), IN_FORCE)
    assert (info.toolchain.name, info.toolchain.version, info.toolchain.cann) == ("cann", "7.6.0.1.220", "8.0.0")
    assert info.toolchain.origin == "measured"


def test_a_version_that_is_not_told_is_unknown(tmp_path: Path) -> None:
    info = om_identity.info(compiled(tmp_path, attributes={"atc_version": None}), IN_FORCE)
    assert (info.toolchain.version, info.toolchain.cann) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("atc --framework=5 --model=resnet50.onnx --output=r --soc_version=Ascend310P3", "no digest for its model"),
        ("", "names nothing"),
        (f"atc --model={ONNX}.onnx --keep_dtype=/home/me/keep.cfg --soc_version=A", "no digest for --keep_dtype"),
    ],
)
def test_what_this_toolchain_did_not_compile_is_not_taken_for_its_own(tmp_path: Path, line: str, said: str) -> None:
    om = compiled(tmp_path, command_line=line)
    with pytest.raises(NotLoadable, match="this toolchain did not compile it") as caught:
        om_identity.info(om, IN_FORCE)
    assert said in str(caught.value)
    assert "ascend om " in str(caught.value)


def refused(om: OmFile, soc_version: str = "Ascend310P3", here: Installation = HERE) -> str:
    with pytest.raises(NotLoadable) as caught:
        om_identity.require_runnable(om, soc_version, here)
    return str(caught.value)


def test_what_was_made_for_this_soc_here_may_run(tmp_path: Path) -> None:
    om_identity.require_runnable(compiled(tmp_path), "Ascend310P3", HERE)


def test_ascend910_is_ascend910a(tmp_path: Path) -> None:
    om = compiled(tmp_path, OPTIONS.model_copy(update={"soc_version": "Ascend910"}))
    om_identity.require_runnable(om, "Ascend910A", HERE)


def test_another_soc_is_refused_with_the_command_that_rebuilds_it(tmp_path: Path) -> None:
    said = refused(compiled(tmp_path), "Ascend910B3")
    assert "made for Ascend310P3, not for Ascend910B3; rebuild it: atc --framework=5 --model=model.onnx" in said
    assert "--soc_version=Ascend910B3" in said
    assert "'--input_shape=x:1,3,8,8'" in said or "--input_shape=x:1,3,8,8" in said
    assert f"sha256 {ONNX}" in said


def test_files_that_the_command_needs_are_named(tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"keep_dtype": ("Softmax_1",)})
    assert "with the same --keep_dtype (sha256 " in refused(compiled(tmp_path, options), "Ascend910B3")


def test_a_foreign_files_own_command_is_made_safe_for_a_shell(tmp_path: Path) -> None:
    line = "atc --model=r.onnx --soc_version Ascend310P3 --output=$(rm) ; rm -rf ~"
    said = refused(compiled(tmp_path, command_line=line), "Ascend910B3")
    command = said.partition("rebuild it: ")[2]
    assert shlex.split(command) == [
        *("atc", "--model=r.onnx", "--soc_version=Ascend910B3", "--output=$(rm)", ";", "rm", "-rf", "~")
    ]
    assert "'--output=$(rm)' ';' rm" in command


@pytest.mark.parametrize(
    ("compiler", "installed", "said"),
    [
        ("8.2.0.0.201", HERE, "CANN 8.2.RC1 (compiler 8.2.0.0.201), which is newer than the installed 8.1.RC1"),
        ("7.0.0.5.242", HERE, "at least 5 release cycles before the installed 8.1.RC1"),
        ("1.84.15.1.310", HERE, "at least 6 release cycles before"),
        ("9.9.0.0.1", HERE, "CANN unknown (compiler 9.9.0.0.1), which is newer"),
        ("8.2.0.0.201", Installation(Path("/c"), "x86_64", "nnrt", "8.1.RC1"), "newer than the installed 8.1.RC1"),
    ],
)
def test_another_cann_is_refused_where_it_cannot_run(
    tmp_path: Path, compiler: str, installed: Installation, said: str
) -> None:
    text = refused(compiled(tmp_path, atc_version=compiler), here=installed)
    assert said in text
    assert "rebuild it: atc " in text


@pytest.mark.parametrize(
    ("compiler", "installed"),
    [
        ("7.1.0.3.220", HERE),
        ("7.7.0.2.1", HERE),
        ("", HERE),
        ("nonsense", HERE),
        ("8.5.0.2.220", Installation(Path("/c"), "x86_64", "nnrt", "someday")),
    ],
    ids=["four cycles", "a patch", "not told", "no version", "unknown here"],
)
def test_what_may_run_or_cannot_be_told_is_left_to_the_device(
    tmp_path: Path, compiler: str, installed: Installation
) -> None:
    om_identity.require_runnable(compiled(tmp_path, atc_version=compiler), "Ascend310P3", installed)


def test_a_file_that_names_no_soc_is_refused(tmp_path: Path) -> None:
    om = compiled(tmp_path, attributes={"soc_version": None})
    assert "does not say for which SoC it was made" in refused(om)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=120), st.text(max_size=20), st.text(max_size=20))
def test_any_file_is_known_or_refused_by_name(tmp_path: Path, line: str, soc: str, compiler: str) -> None:
    says = {"atc_cmdline": line.encode(errors="replace").decode(), "soc_version": soc.encode(errors="replace").decode()}
    om = om_file.read(
        write_om(tmp_path / "f.om", attributes=says, atc_version=compiler.encode(errors="replace").decode())
    )
    for ask in (lambda: om_identity.info(om, IN_FORCE), lambda: om_identity.require_runnable(om, "Ascend310P3", HERE)):
        with pytest.raises(NotLoadable):
            ask()
