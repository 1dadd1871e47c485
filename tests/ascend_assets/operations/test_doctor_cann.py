"""The doctor says of CANN and the NPUs what was found, what is missing and how to mend it, on any machine."""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fake_install import ARCH, QUIET, build, executable, install_driver, write
from stand_ins.installing import install

from ascend_assets.operations import doctor_cann, doctor_cann_python
from ascend_assets.operations.finding import Finding
from resources.ascend import device_nodes
from resources.ascend.cann.environment.installation import find
from resources.ascend.cann.errors import NoDevice, ToolFailed
from resources.ascend.cann.npus import devices
from resources.ascend.cann.npus.devices import Device
from resources.ascend.cann.precision import msaccucmp
from resources.ascend.cann.precision.msaccucmp import Tool
from resources.ascend.cann.running import ais_tools
from resources.ascend.cann.running.ais_tools import AisTools
from resources.ascend.cann.site import Site

EVERYTHING = json.dumps({"python": "3.10.14", "numpy": "1.26.4", "missing": []})
MEMINFO = "MemTotal:       65536000 kB\nMemFree:         1000 kB\nMemAvailable:   32768000 kB\n"
DEVICE = Device(
    npu=24, chip=0, logic=0, soc_version="Ascend310P3", name="310P3", health="OK", memory_bytes=2**34, card=24
)


def python_that_says(folder: Path, text: str) -> Path:
    return executable(folder / "python3", f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a toolkit, a Python that has everything, two NPUs, and every tool."""
    build(tmp_path, devices=2)
    python = python_that_says(tmp_path / "python", EVERYTHING)
    executable(tmp_path / "python" / "msprof-analyze", QUIET)
    write(tmp_path / "proc/meminfo", MEMINFO)
    monkeypatch.setenv("ASCEND_PYTHON", str(python.parent))
    for name in ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME", "ASCEND_TOOLCHAIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home/user"))
    monkeypatch.setattr(devices, "devices", lambda _: (DEVICE,))
    monkeypatch.setattr(ais_tools, "find_tools", lambda _: AisTools(str(python), None, "0.0.2"))
    monkeypatch.setattr(msaccucmp, "of", lambda _: Tool("msprobe", ("/usr/bin/msprobe",)))
    return tmp_path


def examined(root: Path) -> dict[str, Finding]:
    found = doctor_cann.examine(os.environ, root)
    assert len({finding.name for finding in found}) == len(found)
    for finding in found:
        assert finding.said
        assert bool(finding.remedy) != finding.ok
    return {finding.name: finding for finding in found}


def failing(root: Path) -> dict[str, Finding]:
    return {name: finding for name, finding in examined(root).items() if not finding}


def atc_that_prints(root: Path, text: str, code: int = 255) -> None:
    path = root / f"usr/local/Ascend/ascend-toolkit/8.1.RC1/{ARCH}-linux/bin/atc"
    executable(path, f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {code}\n")


def test_a_machine_on_which_everything_is_there(machine: Path) -> None:
    found = examined(machine)
    assert all(found.values()), failing(machine)
    assert list(found) == [
        "cann",
        "atc",
        "soc versions",
        "operator kernels",
        "memory for atc",
        "cann python",
        "npu driver",
        "device nodes",
        "npus",
        "ais_bench",
        "msprof",
        "msaccucmp",
        "msprof-analyze",
    ]
    assert found["cann"].said.startswith("toolkit 8.1.RC1, compiler 7.7.0.1.238, ")
    assert "3.10.14" in found["cann python"].said
    assert found["npu driver"].said == "24.1.0, firmware 7.5.0.5.220"
    assert "NPU 24 chip 0 (Ascend310P3)" in found["npus"].said


def test_a_machine_without_cann_is_told_so_in_one_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASCEND_HOME_PATH", raising=False)
    monkeypatch.delenv("ASCEND_TOOLKIT_HOME", raising=False)
    monkeypatch.delenv("ASCEND_TOOLCHAIN", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (finding,) = examined(tmp_path).values()
    assert (finding.name, finding.ok, finding.needed) == ("cann", False, False)
    assert finding.said == "none is installed: models are emulated"
    assert "ASCEND_HOME_PATH" in finding.remedy


def test_npus_without_cann_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ASCEND_HOME_PATH", "/no/such/folder\n")
    install_driver(tmp_path, "24.1.0", devices=3)
    (finding,) = examined(tmp_path).values()
    assert "this machine has 3 NPUs" in finding.said


def test_where_it_was_looked_for_in_vain_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ASCEND_HOME_PATH", str(tmp_path / "empty"))
    (finding,) = examined(tmp_path).values()
    assert f"ASCEND_HOME_PATH={tmp_path}/empty: a folder without a version file" in finding.said


@pytest.mark.parametrize("asked", ["cann", " CANN "])
def test_cann_is_needed_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ASCEND_TOOLCHAIN", asked)
    assert examined(tmp_path)["cann"].needed


def test_what_compiling_takes_is_needed_and_nothing_else(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_TOOLCHAIN", "cann")
    needed = {name for name, finding in examined(machine).items() if finding.needed}
    assert needed == {"cann", "atc", "soc versions", "cann python"}


def test_a_machine_that_only_compiles(machine: Path) -> None:
    build(machine / "elsewhere", driver="", firmware="")
    found = examined(machine / "elsewhere")
    assert "npu" in found
    assert "models can be compiled, not run" in found["npu"].said
    assert not {"ais_bench", "npus", "npu driver"} & set(found)


@pytest.mark.usefixtures("machine")
def test_nnrt_alone_runs_models(tmp_path: Path) -> None:
    root = tmp_path / "other"
    build(root, layout="nnrt", devices=1)
    found = examined(root)
    assert "it has no atc" in found["cann"].said
    assert not found["cann"]
    assert "atc" not in found
    assert found["ais_bench"]


def test_other_versions_are_told(machine: Path) -> None:
    build(machine, version="8.2.RC1", devices=2)
    assert "; not used: 8.1.RC1 in " in examined(machine)["cann"].said


def test_an_atc_without_the_drivers_library(machine: Path) -> None:
    atc_that_prints(machine, "atc.bin: error while loading shared libraries: libascend_hal.so: cannot open", 127)
    assert "cannot open" in failing(machine)["atc"].said
    line = (
        "atc.bin: error while loading shared libraries: libascend_hal.so: cannot open shared object file: No such file"
    )
    atc_that_prints(machine, line, 127)
    finding = failing(machine)["atc"]
    assert "libascend_hal.so of the NPU driver is not found" in finding.said
    assert "driver" in finding.remedy


@pytest.mark.parametrize(
    "line",
    [
        "E10054: The requied parameter [--soc_version] for ATC is empty.",
        "[PID: 3] 2026-11-20-10:00:00.000.001 Empty_Parameter(E10054): The required parameter soc_version is empty.",
        "E10007: [--framework] is required. The value must be [0(Caffe) or 5(Onnx)].",
    ],
)
def test_an_atc_of_any_generation_that_starts(machine: Path, line: str) -> None:
    atc_that_prints(machine, f"ATC run failed, Please check the detail log\n{line}")
    assert examined(machine)["atc"]


def test_an_atc_that_does_not_start(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = machine / f"usr/local/Ascend/ascend-toolkit/8.1.RC1/{ARCH}-linux/bin/atc"
    executable(program, "not a program\n").chmod(0o644)
    assert "does not start" in failing(machine)["atc"].said
    executable(program, "#!/bin/sh\nkill -SEGV $$\n")
    assert "exit code -11" in failing(machine)["atc"].said
    executable(program, "#!/bin/sh\nsleep 60\n")
    monkeypatch.setattr(doctor_cann, "_START_SECONDS", 0.5)
    started = time.monotonic()
    assert "took longer than 0.5 s" in failing(machine)["atc"].said
    assert time.monotonic() - started < 50


@pytest.mark.usefixtures("machine")
def test_a_toolkit_without_soc_versions_or_kernels(tmp_path: Path) -> None:
    root = tmp_path / "bare"
    build(root, socs=(), kernels=(), driver="")
    found = failing(root)
    assert "platform_config" in found["soc versions"].said
    assert "Ascend-cann-kernels" in found["operator kernels"].remedy


def test_memory_that_is_short(machine: Path) -> None:
    write(machine / "proc/meminfo", MEMINFO.replace("32768000", "1048576"))
    assert "1.0 GiB available, and atc wants 2" in failing(machine)["memory for atc"].said


def test_memory_of_a_container_counts_without_its_file_cache(machine: Path) -> None:
    group = machine / "sys/fs/cgroup"
    write(group / "memory.max", f"{4 * 2**30}\n")
    write(group / "memory.current", f"{3 * 2**30}\n")
    assert not examined(machine)["memory for atc"]
    write(group / "memory.stat", f"anon 1\ninactive_file {2 * 2**30}\nactive_file 1\n")
    assert examined(machine)["memory for atc"].said == "3.0 GiB available"
    write(group / "memory.max", "max\n")
    assert examined(machine)["memory for atc"].said == "31.2 GiB available"


def test_python_without_packages_and_with_a_new_numpy(machine: Path) -> None:
    told = {"python": "3.11.2", "numpy": "2.1.0", "missing": ["tornado", "attr", "os; rm"]}
    python = python_that_says(machine / "python", f"a greeting\n{json.dumps(told)}")
    finding = failing(machine)["cann python"]
    assert finding.said.startswith(f"{python}, 3.11.2, has no attr, tornado and has numpy 2.1.0, which is too new: ")
    assert "EC0010" in finding.said
    assert finding.remedy.startswith(f"{python} -m pip install attrs tornado 'numpy<2'; ")


@pytest.mark.parametrize(("versions", "fits"), [(("8.1.RC1",), False), (("8.1.RC1", "8.5.0"), True)])
def test_a_python_that_is_too_new(machine: Path, versions: tuple[str, ...], *, fits: bool) -> None:
    for version in versions:
        build(machine, version=version, devices=2)
    python_that_says(machine / "python", EVERYTHING.replace("3.10.14", "3.13.1"))
    finding = examined(machine)["cann python"]
    assert finding.ok == fits
    assert fits or "is too new for CANN 8.1.RC1" in finding.said


@pytest.mark.parametrize(
    "text", ["", "no answer", "[1]", '{"missing": 3}', "\udcff".encode("utf-8", "replace").decode()]
)
def test_a_python_that_does_not_answer(machine: Path, text: str) -> None:
    python_that_says(machine / "python", text)
    assert "does not answer" in failing(machine)["cann python"].said


def test_a_python_that_fails(machine: Path) -> None:
    executable(machine / "python/python3", "#!/bin/sh\necho Illegal instruction >&2\nexit 132\n")
    assert "does not answer" in failing(machine)["cann python"].said


def test_a_named_python_that_is_none(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "empty").mkdir()
    monkeypatch.setenv("ASCEND_PYTHON", str(machine / "empty"))
    assert "has no python3 in it" in failing(machine)["cann python"].said


def test_this_python_is_asked_in_earnest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question itself runs under a real interpreter, and knows what is there from what is not."""
    build(tmp_path)
    modules = {"numpy": "'numpy<2'", "json": "json", "no_such.module": "no-such"}
    monkeypatch.setattr(doctor_cann_python, "MODULES", modules)
    site = Site(find({}, tmp_path), root=tmp_path)
    environ = {"ASCEND_PYTHON": sys.executable, "PATH": "/usr/bin:/bin"}
    (finding,) = doctor_cann_python.compiling(site, tmp_path, environ, needed=False)
    assert "has no no_such.module" in finding.said
    assert "json" not in finding.said


@pytest.mark.usefixtures("machine")
def test_a_driver_whose_files_are_not_here(tmp_path: Path) -> None:
    root = tmp_path / "pod"
    build(root, driver="", firmware="", devices=1)
    assert "install the driver" in failing(root)["npu driver"].remedy
    write(root / ".dockerenv", "")
    assert "mount /usr/local/Ascend/driver" in failing(root)["npu driver"].remedy


@pytest.mark.usefixtures("machine")
def test_a_driver_without_its_library(tmp_path: Path) -> None:
    root = tmp_path / "half"
    build(root, driver="", devices=1)
    install_driver(root, "24.1.0", devices=1, hal=False)
    assert "libascend_hal.so is not in its lib64" in failing(root)["npu driver"].said


@pytest.mark.parametrize(
    ("mark", "text"), [("proc/1/cgroup", "0::/kubepods/burstable/pod1\n"), ("run/.containerenv", "")]
)
def test_a_container_without_its_devices(machine: Path, mark: str, text: str) -> None:
    for path in (machine / "dev").iterdir():
        path.unlink()
    assert "dmesg" in failing(machine)["device nodes"].remedy
    write(machine / mark, text)
    assert "--device /dev/davinci<n>" in failing(machine)["device nodes"].remedy


def test_nodes_that_are_missing_or_closed(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "dev/hisi_hdc").unlink()
    assert "/dev has no hisi_hdc" in failing(machine)["device nodes"].said
    write(machine / "dev/hisi_hdc", "")
    monkeypatch.setattr(os, "access", lambda path, _: "davinci1" not in str(path))
    finding = failing(machine)["device nodes"]
    assert "this user may not use davinci1, of the group" in finding.said
    assert finding.remedy.startswith("sudo usermod -aG ")


def test_nodes_are_in_the_order_of_their_numbers(machine: Path) -> None:
    write(machine / "dev/davinci10", "")
    write(machine / "dev/davinci1x", "")
    assert [path.name for path in device_nodes.npus(machine)] == ["davinci0", "davinci1", "davinci10"]


@pytest.mark.parametrize(
    ("error", "said", "remedy"),
    [
        (NoDevice("no npu-smi on PATH: install the driver"), "no npu-smi on PATH", "install the driver"),
        (NoDevice("nothing"), "nothing", "npu-smi info"),
        (ToolFailed("dcmi module initialize failed. ret is -8005"), "management interface", "/dev/davinci_manager"),
        (ToolFailed("npu-smi ended oddly"), "npu-smi ended oddly", "npu-smi info"),
        (OSError(13, "Permission denied"), "Permission denied", "npu-smi info"),
    ],
)
def test_devices_that_are_not_told(
    machine: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str, remedy: str
) -> None:
    def fail(_: Site) -> tuple[Device, ...]:
        raise error

    monkeypatch.setattr(devices, "devices", fail)
    finding = failing(machine)["npus"]
    assert said in finding.said
    assert remedy in finding.remedy


def test_devices_that_are_ill_or_foreign(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ill, foreign = replace(DEVICE, health="Alarm"), replace(DEVICE, npu=7, soc_version="Ascend950PR")
    monkeypatch.setattr(devices, "devices", lambda _: (ill, foreign))
    said = failing(machine)["npus"].said
    assert "NPU 24 chip 0 (Ascend310P3) has health Alarm" in said
    assert "NPU 7 chip 0 (Ascend950PR): this CANN cannot compile for it" in said
    monkeypatch.setattr(devices, "devices", lambda _: ())
    assert failing(machine)["npus"].said == "npu-smi shows none"


def test_tools_that_are_missing(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: Site) -> Tool:
        raise ToolFailed("msaccucmp is not here: pip install mindstudio-probe")

    monkeypatch.setattr(msaccucmp, "of", none)
    monkeypatch.setattr(
        ais_tools, "find_tools", lambda _: AisTools("", None, "", ("/usr/bin/python3 has no ais_bench",))
    )
    (machine / "python/msprof-analyze").unlink()
    (machine / f"usr/local/Ascend/ascend-toolkit/8.1.RC1/{ARCH}-linux/bin/msprof").unlink()
    found = failing(machine)
    assert set(found) == {"ais_bench", "msprof", "msaccucmp", "msprof-analyze"}
    assert "/usr/bin/python3 has no ais_bench" in found["ais_bench"].said
    assert found["msaccucmp"].remedy == "pip install mindstudio-probe"


def test_a_machine_of_stand_ins_is_asked_in_earnest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is replaced here: npu-smi, ais_bench and msaccucmp are found, started and read."""
    stand_ins = install(tmp_path / "machine", "8.1")
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ASCEND_HOME_PATH", str(stand_ins.home))
    monkeypatch.delenv("ASCEND_PYTHON", raising=False)
    found = examined(stand_ins.root)
    assert found["cann"].said.endswith("(by ASCEND_HOME_PATH)")
    assert not {name for name, finding in found.items() if not finding} - {"cann python", "msprof-analyze"}
    assert stand_ins.soc in found["npus"].said
    assert "its Python session with" in found["ais_bench"].said


def test_an_examination_leaves_nothing(machine: Path) -> None:
    before = sorted(machine.rglob("*"))
    examined(machine)
    assert sorted(machine.rglob("*")) == before
