"""CANN is found where its installers put it, in every generation, and says what it is; what is broken is passed by."""

import platform
from dataclasses import replace
from pathlib import Path

import fake_install
import pytest
from fake_install import ARCH, Layout, build, install_driver, link, write
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.ascend.cann.environment import installed_files
from resources.ascend.cann.environment.installation import Installation, find, find_all
from resources.ascend.cann.environment.versions import Version
from resources.ascend.cann.errors import NoInstallation

OTHER_ARCH = "aarch64" if ARCH == "x86_64" else "x86_64"


def found(root: Path, **environ: str) -> Installation:
    return find({"HOME": str(root / "home/user"), **environ}, root)


def homes(root: Path, **environ: str) -> list[str]:
    every = find_all({"HOME": str(root / "home/user"), **environ}, root)
    return [str(each.home.relative_to(root)) for each in every]


@pytest.mark.parametrize("layout", ["toolkit", "cann", "user", "nnrt", "nnae"])
def test_each_layout_is_found_and_says_what_it_is(tmp_path: Path, layout: Layout) -> None:
    home = build(tmp_path, layout=layout)
    it = found(tmp_path)
    compiles = layout not in {"nnrt", "nnae"}
    assert it.home == home
    assert it.kind == ("toolkit" if compiles else layout)
    assert it.arch == ARCH
    assert (it.version, it.internal, it.inner) == ("8.1.RC1", "7.7.0.1.238", "V100R001C21SPC001B238")
    assert it.soc_versions == (tuple(sorted(fake_install.SOCS)) if compiles else ())
    assert (it.driver, it.firmware) == ("24.1.0", "7.5.0.5.220")
    assert (it.program("atc") is not None) == compiles
    assert it.found_by == str(home)
    assert it.script == (home if layout == "cann" else home.parent) / "set_env.sh"


def test_in_cann_9_the_release_is_the_compilers_version_too(tmp_path: Path) -> None:
    build(tmp_path, layout="cann", version="9.1.0", internal="9.1.0", inner="V100R001C12B096")
    it = found(tmp_path)
    assert (it.version, it.internal) == ("9.1.0", "9.1.0")


def test_the_order_of_places(tmp_path: Path) -> None:
    named = build(tmp_path / "opt")
    for layout in ("nnrt", "nnae", "user", "cann", "toolkit"):
        build(tmp_path, layout=layout)
    assert homes(tmp_path, ASCEND_HOME_PATH=str(named)) == [
        str(named.relative_to(tmp_path)),
        "usr/local/Ascend/ascend-toolkit/latest",
        "usr/local/Ascend/cann",
        "home/user/Ascend/ascend-toolkit/latest",
        "usr/local/Ascend/nnae/latest",
        "usr/local/Ascend/nnrt/latest",
    ]


def test_versions_beside_each_other_are_all_listed_and_latest_is_taken(tmp_path: Path) -> None:
    for version in ("8.0.RC3", "8.2.RC1", "8.1.RC1"):
        build(tmp_path, version=version)
    assert found(tmp_path).version == "8.1.RC1"
    base = "usr/local/Ascend/ascend-toolkit"
    assert homes(tmp_path) == [f"{base}/latest", f"{base}/8.2.RC1", f"{base}/8.0.RC3"]


def test_versions_of_cann_9_beside_each_other(tmp_path: Path) -> None:
    for version in ("9.0.0", "9.1.0-beta.1"):
        build(tmp_path, layout="cann", version=version)
    assert found(tmp_path).version == "9.1.0-beta.1"
    assert homes(tmp_path) == ["usr/local/Ascend/cann", "usr/local/Ascend/cann-9.0.0"]


def test_a_link_to_the_same_is_not_another(tmp_path: Path) -> None:
    build(tmp_path, layout="cann", version="9.0.0")
    (tmp_path / "usr/local/Ascend/ascend-toolkit").mkdir()
    link(tmp_path / "usr/local/Ascend/ascend-toolkit/latest", "../cann")
    assert homes(tmp_path) == ["usr/local/Ascend/ascend-toolkit/latest"]


def test_variables_come_first_and_are_told(tmp_path: Path) -> None:
    build(tmp_path)
    mine = build(tmp_path / "mine", version="8.2.RC1")
    by_toolkit = found(tmp_path, ASCEND_TOOLKIT_HOME=str(mine))
    assert by_toolkit.version == "8.2.RC1"
    assert by_toolkit.found_by == f"ASCEND_TOOLKIT_HOME={mine}"
    assert found(tmp_path, ASCEND_HOME_PATH=str(mine.parent)).found_by == f"latest in ASCEND_HOME_PATH={mine.parent}"


def test_a_package_without_atc_is_passed_by_and_told(tmp_path: Path) -> None:
    nnrt = build(tmp_path, layout="nnrt")
    toolkit = build(tmp_path)
    it = found(tmp_path, ASCEND_HOME_PATH=str(nnrt))
    assert it.home == toolkit
    assert it.found_by == f"{toolkit}; not ASCEND_HOME_PATH={nnrt}, which has no atc"


def test_a_variable_that_names_nothing_is_told(tmp_path: Path) -> None:
    build(tmp_path)
    assert found(tmp_path, ASCEND_HOME_PATH="/no/such").found_by.endswith("; not ASCEND_HOME_PATH=/no/such: not there")


def test_where_the_installer_says_that_it_is(tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    build(tmp_path / "opt")
    write(tmp_path / "etc/Ascend/ascend_cann_install.info", "Install_Path=/opt/usr/local/Ascend\nOther=1\n")
    assert found(tmp_path).home == tmp_path / "opt/usr/local/Ascend/ascend-toolkit/latest"


def test_nothing_is_installed(tmp_path: Path) -> None:
    with pytest.raises(NoInstallation, match="install the toolkit") as caught:
        found(tmp_path, ASCEND_HOME_PATH="/no/such")
    assert caught.value.looked[0] == "ASCEND_HOME_PATH=/no/such: not there"
    assert f"{tmp_path}/usr/local/Ascend/cann: not there" in caught.value.looked
    assert find_all({}, tmp_path) == ()


def test_what_is_broken_is_passed_by_and_told(tmp_path: Path) -> None:
    ascend = tmp_path / "usr/local/Ascend"
    (ascend / "ascend-toolkit").mkdir(parents=True)
    link(ascend / "ascend-toolkit/latest", "8.1.RC1")
    (ascend / "cann").mkdir()
    link(ascend / "loop", "loop")
    with pytest.raises(NoInstallation) as caught:
        found(tmp_path, ASCEND_HOME_PATH=str(ascend / "loop"), ASCEND_TOOLKIT_HOME="a\x00b")
    told = "\n".join(caught.value.looked)
    assert "latest: a link to nothing" in told
    assert "cann: a folder without a version file" in told
    assert "loop: a link to nothing" in told


def test_an_empty_folder_named_like_a_version_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "usr/local/Ascend/ascend-toolkit/8.1.RC1").mkdir(parents=True)
    assert find_all({}, tmp_path) == ()


def test_an_installation_of_another_architecture_is_passed_by(tmp_path: Path) -> None:
    build(tmp_path, arch=OTHER_ARCH)
    with pytest.raises(NoInstallation, match=f"for {OTHER_ARCH}, and this machine is {ARCH}"):
        found(tmp_path)
    assert find({}, tmp_path, machine=OTHER_ARCH).arch == OTHER_ARCH


def test_of_two_architectures_this_machines_is_read(tmp_path: Path) -> None:
    home = build(tmp_path, layout="cann")
    write(home / f"{OTHER_ARCH}-linux/ascend_toolkit_install.info", "version=1.0.0\n")
    write(home / f"{OTHER_ARCH}-linux/data/platform_config/Ascend999.ini", "")
    it = found(tmp_path)
    assert it.version == "8.1.RC1"
    assert "Ascend999" not in it.soc_versions


@pytest.mark.parametrize(("machine", "arch"), [("AMD64", "x86_64"), ("arm64", "aarch64"), ("aarch64", "aarch64")])
def test_names_of_architectures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, arch: str) -> None:
    build(tmp_path, arch=arch)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert found(tmp_path).arch == arch


def test_version_files_in_their_order(tmp_path: Path) -> None:
    home = build(tmp_path)
    info = home / f"{ARCH}-linux/ascend_toolkit_install.info"
    write(home.parent / "8.1.RC1/compiler/version.info", "Version=7.3.0.1.231\nversion_dir=8.0.RC1\n")
    assert (found(tmp_path).version, found(tmp_path).internal) == ("8.1.RC1", "7.7.0.1.238")
    info.write_text("version=nonsense\ninnerversion=?\n")
    write(home / "version.cfg", "# version: 1.0\nruntime_running_version=[1.84.15.1.310:6.0.1]\n")
    assert (found(tmp_path).version, found(tmp_path).internal, found(tmp_path).inner) == ("6.0.1", "1.84.15.1.310", "")
    (home / "version.cfg").unlink()
    assert (found(tmp_path).version, found(tmp_path).internal) == ("8.0.RC1", "7.3.0.1.231")
    write(home.parent / "8.1.RC1/compiler/version.info", "Version=7.3.0.1.231\n")
    write(home.parent / "8.1.RC1/runtime/version.info", "Version=7.3.0.1.231\n")
    assert found(tmp_path).version == "8.1.RC1"  # what `latest` leads to


def test_a_patch_of_a_release_has_four_numbers(tmp_path: Path) -> None:
    build(tmp_path, version="7.0.1.1", internal="7.1.0.7.220")
    assert (found(tmp_path).version, found(tmp_path).internal) == ("7.0.1.1", "7.1.0.7.220")


def test_a_compilers_version_alone_is_not_the_releases(tmp_path: Path) -> None:
    write(tmp_path / "mine/compiler/version.info", "Version=7.7.0.1.238\n")
    with pytest.raises(NoInstallation):
        found(tmp_path, ASCEND_HOME_PATH=str(tmp_path / "mine"))
    write(tmp_path / "mine/compiler/version.info", "Version=9.1.0\n")
    assert found(tmp_path, ASCEND_HOME_PATH=str(tmp_path / "mine")).version == "9.1.0"


def test_a_kind_is_told_by_the_folder_where_no_file_tells_it(tmp_path: Path) -> None:
    home = build(tmp_path, layout="nnae")
    (home.parent / f"8.1.RC1/{ARCH}-linux/ascend_nnae_install.info").unlink()
    assert found(tmp_path).kind == "nnae"


def test_soc_versions_are_the_names_of_the_platform_configurations(tmp_path: Path) -> None:
    home = build(tmp_path, layout="cann", socs=("Ascend910_9391",))
    write(home / "data/platform_config/Ascend310P3.ini", "")
    write(home / "ge-compiler/data/platform_config/Ascend950PR.ini", "")
    write(home / "data/platform_config/Ascend910B/Ascend910B4-1.ini", "")
    write(home / "data/platform_config/a b;c.ini", "")
    write(home / "data/platform_config/README.md", "")
    assert found(tmp_path).soc_versions == ("Ascend310P3", "Ascend910B4-1", "Ascend910_9391", "Ascend950PR")


def test_a_driver_elsewhere(tmp_path: Path) -> None:
    build(tmp_path, driver="", firmware="")
    assert replace(found(tmp_path), found_by="").driver == ""
    install_driver(tmp_path / "opt", "25.3.rc1", "7.8.0.2.212")
    text = "Driver_Install_Path_Param=/opt/usr/local/Ascend\nFirmware_Install_Path_Param=/opt/usr/local/Ascend\n"
    write(tmp_path / "etc/ascend_install.info", text)
    it = found(tmp_path)
    assert (it.driver, it.firmware) == ("25.3.rc1", "7.8.0.2.212")
    assert it.driver_libraries[-1] == tmp_path / "opt/usr/local/Ascend/driver/lib64/driver"


@pytest.mark.parametrize(
    "text", ["", "Version=\n", "Version=24.1.0 \x1b[31mred\n", "Version=" + "9" * 100, "\xff" * 99]
)
def test_a_drivers_version_that_is_none(tmp_path: Path, text: str) -> None:
    build(tmp_path)
    (tmp_path / "usr/local/Ascend/driver/version.info").write_bytes(text.encode("latin-1"))
    assert found(tmp_path).driver == ""


def test_files_are_bounded_and_folders_and_pipes_are_no_files(tmp_path: Path) -> None:
    home = build(tmp_path)
    (home / "version.cfg").unlink()
    (home / "version.cfg").mkdir()
    info = home.parent / f"8.1.RC1/{ARCH}-linux/ascend_toolkit_install.info"
    info.write_text("#" * installed_files.MAX_FILE + "\nversion=9.9.9\n")
    assert found(tmp_path).version == "8.1.RC1"
    info.write_text("a=1\n" * 100_000)
    assert len(installed_files.text(info)) == installed_files.MAX_FILE


@settings(max_examples=60)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_in_version_files_give_versions_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, one: bytes, two: bytes
) -> None:
    root = tmp_path_factory.mktemp("any")
    home = root / "usr/local/Ascend/cann"
    (home / "lib64").mkdir(parents=True)
    (home / f"{ARCH}-linux").mkdir()
    (home / f"{ARCH}-linux/ascend_toolkit_install.info").write_bytes(b"version=" + one + b"\ninnerversion=" + two)
    (home / "version.cfg").write_bytes(b"toolkit_running_version=[" + two + b":" + one + b"]")
    for each in find_all({}, root):
        assert Version.parse(each.version).kind == "external"
        assert not each.internal or Version.parse(each.internal)
        assert not each.inner or Version.parse(each.inner).kind == "inner"
