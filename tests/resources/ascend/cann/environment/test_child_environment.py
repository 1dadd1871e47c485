"""CANN's tools run with the variables of one installation, in a private folder, and with nothing of ours."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fake_install import ARCH, Layout, build, executable, install_driver, write

from resources.ascend.cann.environment.child_environment import interpreter, variables
from resources.ascend.cann.environment.installation import Installation, find
from resources.ascend.cann.site import Site

WORK = Path("/work-of-this-run")


def installed(root: Path, layout: Layout = "toolkit", *, driver: str = "") -> Installation:
    build(root, layout=layout, driver=driver)
    return find({"HOME": str(root / "home/user")}, root)


def made(
    found: Installation, *, for_atc: bool = False, devices: tuple[int, ...] = (), **environ: str
) -> dict[str, str]:
    return variables(found, work=WORK, for_atc=for_atc, devices=devices, environ={"PATH": "/usr/bin:/bin", **environ})


@pytest.mark.parametrize("layout", ["toolkit", "cann", "user"])
def test_all_that_set_env_exports_for_this_very_folder(tmp_path: Path, layout: Layout) -> None:
    found = installed(tmp_path, layout)
    env, home = made(found), found.home
    assert env["ASCEND_HOME_PATH"] == env["ASCEND_TOOLKIT_HOME"] == env["ASCEND_AICPU_PATH"] == str(home)
    assert env["ASCEND_OPP_PATH"] == f"{home}/opp"
    assert env["TOOLCHAIN_HOME"] == f"{home}/toolkit"
    libraries = env["LD_LIBRARY_PATH"].split(":")
    tiling = f"{home}/opp/built-in/op_impl/ai_core/tbe/op_tiling/lib/linux/{ARCH}"
    for folder in (f"{home}/lib64", f"{home}/lib64/plugin/opskernel", f"{home}/tools/aml/lib64", tiling):
        assert libraries.count(folder) == 1
    assert env["PYTHONPATH"] == f"{home}/python/site-packages:{home}/opp/built-in/op_impl/ai_core/tbe"
    assert env["PATH"].startswith(f"{home}/bin:")
    assert env["PATH"].endswith(":/usr/bin:/bin")
    assert not any(name.startswith(("ASCEND_SLOG", "ASCEND_GLOBAL", "DUMP")) for name in env)


def test_side_files_go_to_the_private_folder(tmp_path: Path) -> None:
    env = made(installed(tmp_path))
    for name in ("ASCEND_WORK_PATH", "ASCEND_CACHE_PATH", "ASCEND_PROCESS_LOG_PATH", "TMPDIR"):
        assert env[name] == str(WORK)


def test_a_version_beside_latest_is_not_mixed_with_it(tmp_path: Path) -> None:
    build(tmp_path, version="8.2.RC1")
    older = build(tmp_path).parent / "8.2.RC1"
    env = made(find({"ASCEND_HOME_PATH": str(older)}, tmp_path))
    assert f"{older}/tools/aml/lib64" in env["LD_LIBRARY_PATH"]  # as the script says, which names latest
    assert "/latest/" not in "".join(env.values())


@pytest.mark.parametrize(("layout", "base"), [("toolkit", "${ASCEND_TOOLKIT_HOME}"), ("cann", "$version_dirpath")])
def test_folders_that_a_script_adds_count_if_they_are_the_installations(
    tmp_path: Path, layout: Layout, base: str
) -> None:
    build(tmp_path, layout=layout, driver="")
    home = build(tmp_path, layout=layout, version="8.2.RC1", driver="").resolve()
    if layout == "toolkit":
        home = home.parent / "8.2.RC1"  # its script names latest
    found = find({"ASCEND_HOME_PATH": str(home)}, tmp_path)
    assert found.script
    for folder in ("future/lib64", "lib64/stub", "../beside"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    with found.script.open("a") as file:
        file.write(f"export LD_LIBRARY_PATH={base}/future/lib64:/etc:$LD_LIBRARY_PATH\n")
        file.write(f"export LD_LIBRARY_PATH={base}/lib64/stub:{base}/../beside:$LD_LIBRARY_PATH\n")
    libraries = made(found)["LD_LIBRARY_PATH"].split(":")
    assert libraries[0] == f"{home}/future/lib64"
    assert not [folder for folder in libraries if folder == "/etc" or ".." in folder or folder.endswith("stub")]


def test_without_a_script_the_variables_are_the_same_but_for_their_order(tmp_path: Path) -> None:
    found = installed(tmp_path)
    with_script, without = made(found), made(replace(found, script=None))
    assert {name: set(value.split(":")) for name, value in with_script.items()} == {
        name: set(value.split(":")) for name, value in without.items()
    }


@pytest.mark.parametrize("layout", ["toolkit", "cann"])
def test_stub_libraries_are_for_atc_alone_and_come_last(tmp_path: Path, layout: Layout) -> None:
    found = installed(tmp_path, layout)
    assert not {"devlib", "stub"} & set(made(found)["LD_LIBRARY_PATH"].replace(":", "/").split("/"))
    libraries = made(found, for_atc=True)["LD_LIBRARY_PATH"].split(":")
    stubs = [folder for folder in libraries if folder.endswith(("devlib", "stub"))]
    assert f"{found.home}/{ARCH}-linux/devlib" in stubs
    assert libraries[-len(stubs) :] == stubs


def test_with_a_driver_its_libraries_are_taken_and_no_stubs(tmp_path: Path) -> None:
    found = installed(tmp_path, driver="24.1.0")
    libraries = made(found, for_atc=True)["LD_LIBRARY_PATH"].split(":")
    driver = f"{tmp_path}/usr/local/Ascend/driver/lib64"
    assert libraries[-3:] == [driver, f"{driver}/common", f"{driver}/driver"]


def test_a_driver_without_its_library_does_not_stop_atc(tmp_path: Path) -> None:
    build(tmp_path, driver="")
    install_driver(tmp_path, "24.1.0", hal=False)
    assert "devlib" in made(find({}, tmp_path), for_atc=True)["LD_LIBRARY_PATH"]


def test_devices_are_ascending(tmp_path: Path) -> None:
    found = installed(tmp_path)
    assert made(found, devices=(3, 0, 11))["ASCEND_RT_VISIBLE_DEVICES"] == "0,3,11"
    assert "ASCEND_RT_VISIBLE_DEVICES" not in made(found)


def test_parallel_compilers_are_bounded(tmp_path: Path) -> None:
    found = installed(tmp_path)
    assert 1 <= int(made(found, for_atc=True)["TE_PARALLEL_COMPILER"]) <= 8
    assert "TE_PARALLEL_COMPILER" not in made(found)


def test_nothing_of_ours_leaks_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/ours/.venv")
    env = made(
        installed(tmp_path),
        PATH="/ours/.venv/bin:/usr/bin:relative:",
        PYTHONPATH="/ours",
        PYTHONHOME="/ours",
        PYTHONNOUSERSITE="1",
        ASCEND_OPP_PATH="/usr/local/Ascend/nnrt/latest/opp",
        LD_LIBRARY_PATH="/ours/lib",
    )
    assert env["PYTHONHOME"] == env["PYTHONNOUSERSITE"] == ""  # as good as unset, to Python
    assert not [value for value in env.values() if "/ours" in value or "nnrt" in value or "relative" in value]


def test_without_a_path_there_is_the_systems(tmp_path: Path) -> None:
    assert made(installed(tmp_path), PATH="")["PATH"].endswith(":/usr/bin:/sbin:/bin")


def test_cann_uses_the_python_that_is_named(tmp_path: Path) -> None:
    found = installed(tmp_path)
    python = executable(tmp_path / "py/bin/python3", "#!/bin/sh\n")
    write(tmp_path / "py/lib/libpython3.10.so.1.0", "")
    for named in (python, python.parent):
        env = made(found, ASCEND_PYTHON=str(named))
        assert f":{python.parent}:/usr/bin" in env["PATH"]
        assert env["LD_LIBRARY_PATH"].endswith(f":{tmp_path}/py/lib")
        assert interpreter(found, {"ASCEND_PYTHON": str(named), "PATH": "/usr/bin"}) == python
    assert interpreter(found, {"PATH": "/nowhere"}) is None


def test_a_child_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_OPP_PATH", "/wrong")
    monkeypatch.setenv("PYTHONHOME", "/wrong")
    found = installed(tmp_path)
    (tmp_path / "run").mkdir()
    code = "import os, sys; print(os.environ['ASCEND_OPP_PATH'], os.getcwd(), 'site-packages' in ''.join(sys.path))"
    done = Site(found).run(("python3", "-c", code), cwd=tmp_path / "run", timeout=30, check=True)
    assert done.stdout.split() == [f"{found.home}/opp", str(tmp_path / "run"), "True"]
