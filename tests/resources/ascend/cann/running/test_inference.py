"""A compiled model runs on a device through ais_bench's session, or its command, and leaves nothing behind."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ais_bench_fake import DEVICE, FakeAisBench, forms_of, fresh, om, temporary
from numpy.typing import NDArray
from om_samples import Tensor

from resources.ascend.cann.errors import NoDevice, ToolFailed
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.running import inference
from resources.ascend.cann.running.inference import infer, open_session
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import NotLoadable

__all__ = ["temporary"]

OPTIONS = CompileOptions(soc_version="Ascend310P3", input_shape={"image": (1, 3, 4, 4)})
IMAGE = Tensor("image", "float32", (1, 3, 4, 4))


FORMS = {"session": "", "command": "no session", "msit": ""}
"""What can be installed, and what is wrong when the site asks; it asks once."""


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FakeAisBench]:
    return forms_of(FORMS, tmp_path_factory)


@pytest.fixture(params=sorted(FORMS))
def tool(
    request: pytest.FixtureRequest, forms: dict[str, FakeAisBench], monkeypatch: pytest.MonkeyPatch
) -> FakeAisBench:
    return fresh(forms[request.param], monkeypatch)


@pytest.fixture
def session(forms: dict[str, FakeAisBench], monkeypatch: pytest.MonkeyPatch) -> FakeAisBench:
    return fresh(forms["session"], monkeypatch)


@pytest.fixture
def command(forms: dict[str, FakeAisBench], monkeypatch: pytest.MonkeyPatch) -> FakeAisBench:
    return fresh(forms["command"], monkeypatch)


@pytest.fixture
def model(tmp_path: Path) -> OmFile:
    return om(tmp_path, (IMAGE,))


@pytest.fixture(autouse=True)
def _private(temporary: Path) -> None:
    """Every test."""


def image() -> NDArray[np.float32]:
    return np.random.default_rng(5).standard_normal((1, 3, 4, 4)).astype(np.float32)


def run(tool: FakeAisBench, model: OmFile, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return infer(tool.site, DEVICE, model, OPTIONS, inputs)


def test_outputs_come_by_their_onnx_names(tool: FakeAisBench, model: OmFile, temporary: Path) -> None:
    outputs = run(tool, model, {"image": image()})
    assert list(outputs) == ["image_doubled"]
    assert outputs["image_doubled"].dtype == np.float32
    np.testing.assert_array_equal(outputs["image_doubled"], image() * 2)
    assert list(temporary.iterdir()) == []


def test_many_inputs_keep_the_models_order_whatever_the_callers(tool: FakeAisBench, tmp_path: Path) -> None:
    ports = tuple(Tensor(f"x{index}", "int64", (index + 1,)) for index in range(11))
    given = {port.name: np.arange(port.shape[0]) for port in reversed(ports)}
    outputs = infer(tool.site, DEVICE, om(tmp_path, ports), OPTIONS, given)
    assert list(outputs) == [f"x{index}_doubled" for index in range(11)]
    for port in ports:
        np.testing.assert_array_equal(outputs[f"{port.name}_doubled"], given[port.name] * 2)


def test_arrays_of_any_layout_mean_what_they_mean(tool: FakeAisBench, model: OmFile) -> None:
    twisted = np.asfortranarray(image())[:, :, ::-1]
    np.testing.assert_array_equal(run(tool, model, {"image": twisted})["image_doubled"], twisted * 2)
    foreign = image().astype(">f4")
    np.testing.assert_array_equal(run(tool, model, {"image": foreign})["image_doubled"], image() * 2)


def test_nan_goes_in_and_comes_out(tool: FakeAisBench, model: OmFile) -> None:
    holed = image()
    holed[0, 0] = np.nan
    np.testing.assert_array_equal(run(tool, model, {"image": holed})["image_doubled"], holed * 2)


def test_the_runtimes_configuration_reaches_it(tool: FakeAisBench, model: OmFile, tmp_path: Path) -> None:
    acl_json, dumped = tmp_path / "acl.json", tmp_path / "dumped"
    acl_json.write_text(str(dumped))
    infer(tool.site, DEVICE, model, OPTIONS, {"image": image()}, acl_json=acl_json)
    assert dumped.exists()


def test_a_blob_without_ending_runs_under_a_name_that_the_tool_takes(
    tool: FakeAisBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = om(tmp_path, (IMAGE,), name="5f0c2a")
    monkeypatch.chdir(tmp_path)
    assert list(run(tool, model, {"image": image()})) == ["image_doubled"]


def test_a_session_loads_once_and_runs_often(session: FakeAisBench, model: OmFile, temporary: Path) -> None:
    with open_session(session.site, DEVICE, model, OPTIONS) as held:
        for factor in range(5):
            outputs = held.run({"image": image() * factor})
            np.testing.assert_array_equal(outputs["image_doubled"], image() * factor * 2)
        with pytest.raises(ValueError, match="image"):
            held.run({"image": image()[:, :1]})
        np.testing.assert_array_equal(held.run({"image": image()})["image_doubled"], image() * 2)
    assert session.calls == []
    assert list(temporary.iterdir()) == []


def test_outputs_stay_when_the_session_goes_on(session: FakeAisBench, model: OmFile) -> None:
    with open_session(session.site, DEVICE, model, OPTIONS) as held:
        first = held.run({"image": image()})["image_doubled"]
        held.run({"image": image() * 9})
    np.testing.assert_array_equal(first, image() * 2)


def test_scalars_and_types(session: FakeAisBench, tmp_path: Path) -> None:
    ports = (Tensor("a", "float32", ()), Tensor("b", "int64", (2,)), Tensor("c", "uint8", (1, 2, 2, 3)))
    given = {"a": np.float32(3), "b": np.array([1, 2]), "c": np.ones((1, 2, 2, 3), np.uint8)}
    outputs = infer(session.site, DEVICE, om(tmp_path, ports), OPTIONS, given)  # type: ignore[arg-type]
    assert outputs["a_doubled"] == 6
    assert outputs["b_doubled"].dtype == np.int64
    assert outputs["c_doubled"].dtype == np.uint8


def test_an_output_has_the_type_and_shape_that_the_file_tells(session: FakeAisBench, model: OmFile) -> None:
    session.fault("fp16")
    output = run(session, model, {"image": image()})["image_doubled"]
    assert output.dtype == np.float32
    assert output.shape == (1, 3, 4, 4)
    np.testing.assert_array_equal(output, (image() * 2).astype(np.float16).astype(np.float32))


def test_a_gear_is_told_by_its_values(session: FakeAisBench, tmp_path: Path) -> None:
    session.fault("gear")
    options = CompileOptions(
        soc_version="Ascend310P3", input_shape={"image": (-1, 3, 4, 4)}, dynamic_batch_size=(1, 4, 8)
    )
    held = om(tmp_path, (Tensor("image", "float32", (-1, 3, 4, 4)),), (Tensor("seen", "int64", (-1,)),))
    outputs = infer(session.site, DEVICE, held, options, {"image": np.zeros((4, 3, 4, 4), np.float32)})
    assert outputs["seen"].tolist() == [1, 4]


def test_an_image_size_is_height_then_width(session: FakeAisBench, tmp_path: Path) -> None:
    session.fault("gear")
    options = CompileOptions(
        soc_version="Ascend310P3", input_shape={"image": (1, 3, -1, -1)}, dynamic_image_size=((4, 8), (8, 4))
    )
    held = om(tmp_path, (Tensor("image", "float32", (1, 3, -1, -1)),), (Tensor("seen", "int64", (-1,)),))
    outputs = infer(session.site, DEVICE, held, options, {"image": np.zeros((1, 3, 8, 4), np.float32)})
    assert outputs["seen"].tolist() == [1, 8, 4]


def test_open_shapes_get_room_for_their_outputs(session: FakeAisBench, tmp_path: Path) -> None:
    session.fault("sizes")
    options = CompileOptions(soc_version="Ascend310P3", input_shape={"ids": (1, -1)})
    held = om(tmp_path, (Tensor("ids", "int64", (1, -1)),), (Tensor("sizes", "int64", (-1,)),))
    outputs = infer(session.site, DEVICE, held, options, {"ids": np.zeros((1, 7), np.int64)})
    assert outputs["sizes"].tolist() == [inference.OPEN_OUTPUT_BYTES]


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("busy", NoDevice, "507033"),
        ("other soc", NotLoadable, "--soc_version=Ascend310P3"),
        ("crash", ToolFailed, "signal 11"),
        ("exits", ToolFailed, "exit code 0"),
        ("aicore", ToolFailed, "507015"),
        ("less", ToolFailed, "0 outputs"),
        ("objects", ToolFailed, "allow_pickle"),
        ("shape", ToolFailed, r"\(7,\)"),
    ],
)
def test_what_a_session_can_do_wrong_has_a_name(
    session: FakeAisBench, model: OmFile, temporary: Path, fault: str, error: type[Exception], says: str
) -> None:
    session.fault(fault)
    with pytest.raises(error, match=says):
        run(session, model, {"image": image()})
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("fault", ["hang", "load hangs"])
def test_a_session_that_hangs_is_stopped(
    session: FakeAisBench, model: OmFile, temporary: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    session.fault(fault)
    monkeypatch.setattr(inference, "LOAD_SECONDS", 2.0)
    started = time.monotonic()
    with (
        pytest.raises(ToolFailed, match="did not answer"),
        open_session(session.site, DEVICE, model, OPTIONS, timeout=0.5) as held,
    ):
        held.run({"image": image()})
    assert time.monotonic() - started < 50
    assert list(temporary.iterdir()) == []


def test_a_dead_session_says_so_again(session: FakeAisBench, model: OmFile) -> None:
    session.fault("crash")
    with open_session(session.site, DEVICE, model, OPTIONS) as held:
        for _ in range(2):
            with pytest.raises(ToolFailed):
                held.run({"image": image()})


def test_a_hundred_megabytes_of_noise_hide_nothing(session: FakeAisBench, model: OmFile) -> None:
    session.fault("noise")
    np.testing.assert_array_equal(run(session, model, {"image": image()})["image_doubled"], image() * 2)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("busy", NoDevice, "507033"),
        ("size", ToolFailed, "'image' has 602112 bytes where the model takes 196608"),
        ("memory", ToolFailed, "207001"),
        ("version", NotLoadable, "500002"),
        ("missing", ToolFailed, "left no outputs"),
        ("extra", ToolFailed, "other.npy"),
        ("garbage", ToolFailed, "cannot be read"),
        ("pipe", ToolFailed, "no regular file"),
    ],
)
def test_what_a_command_can_do_wrong_has_a_name(
    command: FakeAisBench, model: OmFile, temporary: Path, fault: str, error: type[Exception], says: str
) -> None:
    command.fault(fault)
    with pytest.raises(error, match=says):
        run(command, model, {"image": image()})
    assert list(temporary.iterdir()) == []


def test_a_command_that_hangs_is_stopped(command: FakeAisBench, model: OmFile) -> None:
    command.fault("hang")
    with (
        pytest.raises(ToolFailed, match="did not end within"),
        open_session(command.site, DEVICE, model, OPTIONS, timeout=1) as held,
    ):
        held.run({"image": image()})


def test_a_wrong_input_never_reaches_the_tool(command: FakeAisBench, model: OmFile) -> None:
    with pytest.raises(ValueError, match="image"):
        run(command, model, {"image": image().astype(np.float64)})
    assert command.calls == []


def test_without_outputs_in_the_file_their_names_are_not_invented(session: FakeAisBench, tmp_path: Path) -> None:
    held = om(tmp_path, (IMAGE,))
    nameless = OmFile(held.path, held.name, held.header, held.size, held.partitions, inputs=held.inputs)
    with pytest.raises(ToolFailed, match="does not tell"):
        run(session, nameless, {"image": image()})


def test_a_folder_that_the_tool_cannot_be_given_is_named(
    command: FakeAisBench, model: OmFile, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaced = temporary / "a, b"
    spaced.mkdir()
    monkeypatch.setenv("TMPDIR", str(spaced))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(ToolFailed, match="TMPDIR"):
        run(command, model, {"image": image()})


def test_no_process_outlives_its_session(session: FakeAisBench, model: OmFile, temporary: Path) -> None:
    with open_session(session.site, DEVICE, model, OPTIONS) as held:
        held.run({"image": image()})
        (folder,) = temporary.iterdir()
        assert _running(folder)
    assert not _running(folder)


def _running(folder: Path) -> list[str]:
    """Processes that work in the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == folder:
                found.append(entry.name)
        except OSError:
            continue
    return [pid for pid in found if pid != str(os.getpid())]
