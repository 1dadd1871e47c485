"""What the emulator promises beyond the contract that every toolchain keeps (`test_toolchain_contract.py`)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from emulated_models import chain, classifier, options, save

from resources.ascend.emulator.toolchain import Emulator, NotWritten, WrongOnnx
from resources.ascend.toolchain import NotLoadable

SOC = "Ascend310P3"


def test_everything_it_says_is_emulated() -> None:
    identity = Emulator().describe()
    assert (identity.name, identity.origin, identity.cann) == ("emulator", "emulated", "8.1.RC1")


def test_an_overflow_of_fp16_shows(tmp_path: Path) -> None:
    """Exp of 12 is 162755: finite in FP32, infinite on a device that computes in FP16."""
    om = tmp_path / "m.om"
    emulator = Emulator()
    path = save(tmp_path / "m.onnx", chain("Exp", shape=(1, 2)))
    numbers = {"x": np.array([[1, 12]], np.float32)}
    emulator.compile(path, options(), om)
    assert np.isinf(emulator.infer(om, SOC, numbers)["y"]).tolist() == [[False, True]]
    assert emulator.compare(om, SOC, path, numbers).layers[0].overflow == 1


def test_a_comparison_with_another_model_is_refused(tmp_path: Path) -> None:
    emulator, om = Emulator(), tmp_path / "m.om"
    emulator.compile(save(tmp_path / "m.onnx", classifier()), options(), om)
    other = save(tmp_path / "other.onnx", chain("Relu"))
    with pytest.raises(WrongOnnx, match=r"other\.onnx"):
        emulator.compare(om, SOC, other, {"x": np.zeros((1, 3, 8, 8), np.float32)})


class TestGears:
    @pytest.fixture
    def om(self, tmp_path: Path) -> Path:
        path = save(tmp_path / "m.onnx", classifier("N"))
        chosen = options(input_shape={"x": (-1, 3, 8, 8)}, dynamic_batch_size=(1, 4))
        Emulator().compile(path, chosen, tmp_path / "m.om")
        return tmp_path / "m.om"

    @pytest.mark.parametrize("batch", [1, 4])
    def test_listed_ones_run_and_compare(self, om: Path, batch: int) -> None:
        given = {"x": np.ones((batch, 3, 8, 8), np.float32)}
        assert Emulator().infer(om, SOC, given)["y"].shape == (batch, 5)
        assert len(Emulator().compare(om, SOC, om.with_suffix(".onnx"), given).layers) == 5

    def test_others_are_refused_with_the_list(self, om: Path) -> None:
        for verb in (
            lambda given: Emulator().infer(om, SOC, given),
            lambda given: Emulator().compare(om, SOC, om.with_suffix(".onnx"), given),
        ):
            with pytest.raises(ValueError, match=r"\[1, 3, 8, 8\].* or .*\[4, 3, 8, 8\]"):
                verb({"x": np.ones((2, 3, 8, 8), np.float32)})

    def test_the_largest_is_profiled(self, om: Path) -> None:
        assert Emulator().profile(om, SOC).batch == 4


def test_a_model_that_was_compiled_anew_is_opened_anew(tmp_path: Path) -> None:
    emulator, om = Emulator(), tmp_path / "m.om"
    numbers = {"x": np.full((1, 2), -1, np.float32)}
    for op, expected in (("Relu", 0), ("Neg", 1), ("Abs", 1)):
        emulator.compile(save(tmp_path / "m.onnx", chain(op, shape=(1, 2))), options(), om)
        assert emulator.infer(om, SOC, numbers)["y"].tolist() == [[expected] * 2]


def test_a_version_is_a_digest_of_the_sources() -> None:
    code = (
        "from resources.ascend.emulator import toolchain as t; from importlib.resources import files;"
        "names = [name for name, _ in t._sources(files('resources'))]; print(t._version(), *names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    version, *names = done.stdout.split()
    assert version == Emulator().describe().version
    assert {"ascend/emulator/lower.py", "ascend/tables/op_kernels_by_soc.csv", "onnx_files/shapes.py"} <= set(names)
    assert not any("pycache" in name or name.startswith("store") for name in names)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", classifier())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotWritten, match=r"m\.om: cannot be written"):
        Emulator().compile(path, options(), tmp_path / "file" / "m.om")


FULL = """
import resource, signal, sys
from pathlib import Path
from resources.ascend.emulator.toolchain import Emulator, NotWritten
from resources.ascend.options import CompileOptions
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    Emulator().compile(Path(sys.argv[1]), CompileOptions(soc_version="Ascend310P3"), Path(sys.argv[2]))
except NotWritten as error:
    print(error)
"""


def test_no_room_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: the write stops in the middle."""
    path = save(tmp_path / "m.onnx", classifier())
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-c", FULL, str(path), str(folder / "m.om")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "m.om: cannot be written" in done.stdout
    assert list(folder.iterdir()) == []


COMPILE = """
import sys
from pathlib import Path
from resources.ascend.emulator.toolchain import Emulator
from resources.ascend.options import CompileOptions
import resources.ascend.emulator.compile, resources.ascend.emulator.lower, onnxruntime
print("ready", flush=True)
Emulator().compile(Path(sys.argv[1]), CompileOptions(soc_version="Ascend310P3"), Path(sys.argv[2]))
"""


def test_a_compilation_killed_at_any_moment_leaves_no_half_om(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", classifier())
    om = tmp_path / "m.om"
    for attempt in range(5):
        om.unlink(missing_ok=True)
        child = subprocess.Popen([sys.executable, "-c", COMPILE, str(path), str(om)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(attempt * 0.02)
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=30)
        child.stdout.close()
        if om.exists():
            assert Emulator().open(om, SOC).toolchain == Emulator().describe()
    Emulator().compile(path, options(), om)
    assert {entry.name for entry in tmp_path.iterdir()} == {"m.onnx", "m.om"}


def test_an_om_is_not_executed_when_it_is_only_a_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.om")
    with pytest.raises(NotLoadable):
        Emulator().infer(tmp_path / "pipe.om", SOC, {})
