"""Timing on a device: single runs, checked against what the tool sums up, and never invented."""

import math
from pathlib import Path

import numpy as np
import pytest
from ais_bench_fake import DEVICE, FakeAisBench, forms_of, fresh, om, temporary, use
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from om_samples import Tensor

from resources.ascend.cann.errors import BadOutput, NoDevice, ToolFailed
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.running.benchmark import LOOPS, WARMUP, Timing, measure, percentiles
from resources.ascend.cann.running.model_inputs import Setting
from resources.ascend.cann.running.model_inputs import settings as settings_of
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import NotLoadable

__all__ = ["temporary"]

OPTIONS = CompileOptions(soc_version="Ascend310P3", input_shape={"image": (2, 3, 4, 4)})
FORMS = {"ais_bench": "", "energy": "energy", "msit": ""}
"""What is installed, and what is different about it when the site asks; it asks once."""


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FakeAisBench]:
    return forms_of(FORMS, tmp_path_factory)


@pytest.fixture
def tool(forms: dict[str, FakeAisBench], monkeypatch: pytest.MonkeyPatch) -> FakeAisBench:
    return fresh(forms["ais_bench"], monkeypatch)


@pytest.fixture
def msit(forms: dict[str, FakeAisBench], monkeypatch: pytest.MonkeyPatch) -> FakeAisBench:
    return fresh(forms["msit"], monkeypatch)


@pytest.fixture
def model(tmp_path: Path) -> OmFile:
    return om(tmp_path, (Tensor("image", "float32", (2, 3, 4, 4)),))


@pytest.fixture(autouse=True)
def _private(temporary: Path) -> None:
    """Every test."""


def timed(fake: FakeAisBench, model: OmFile, options: CompileOptions = OPTIONS, loops: int = LOOPS) -> Timing:
    return measure(fake.site, DEVICE, model, options, loops=loops)


def test_every_run_is_kept(tool: FakeAisBench, model: OmFile, temporary: Path) -> None:
    timing = timed(tool, model, loops=150)
    assert timing.runs_ms == pytest.approx([2.0 + index / 100 for index in range(150)])
    assert (timing.batch, timing.warmup, timing.h2d_ms, timing.d2h_ms) == (2, WARMUP, 0.5, 0.5)
    assert timing.tool.startswith("ais_bench")
    assert timing.throughput == pytest.approx(2000 / 2.745)
    assert list(temporary.iterdir()) == []


def test_nothing_else_is_switched_on(tool: FakeAisBench, model: OmFile) -> None:
    timed(tool, model)
    (call,) = tool.calls
    assert not {"--profiler", "--dump", "--input", "--acl_json_path"} & set(call)
    assert call[call.index("--warmup_count") + 1] == str(WARMUP)
    assert call[call.index("--loop") + 1] == str(LOOPS)


def test_energy_is_asked_of_the_card_where_the_tool_tells_it(msit: FakeAisBench, model: OmFile) -> None:
    timing = timed(msit, model)
    (call,) = msit.calls
    assert call[call.index("--npu-id") + 1] == str(DEVICE.npu)
    assert timing.energy_j == 59.5
    assert timing.tool == "msit benchmark"


def test_an_old_tool_is_not_asked_for_energy(tool: FakeAisBench, model: OmFile) -> None:
    assert timed(tool, model).energy_j is None
    assert "--npu_id" not in tool.calls[0]


def test_the_first_spelling_learnt_to_tell_energy_later(
    forms: dict[str, FakeAisBench], model: OmFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = use(forms["energy"], monkeypatch)
    fake.fault("energy")
    assert timed(fake, model).energy_j == 59.5


def test_a_tool_that_fails_at_energy_measures_without(msit: FakeAisBench, model: OmFile) -> None:
    msit.fault("no npu-smi")
    timing = timed(msit, model)
    assert len(timing.runs_ms) == LOOPS
    assert timing.energy_j is None
    assert "energy is not known" in timing.notes[0]


def test_a_tool_that_hangs_is_not_started_again(msit: FakeAisBench, model: OmFile) -> None:
    msit.fault("hang")
    with pytest.raises(ToolFailed, match="did not end within"):
        measure(msit.site, DEVICE, model, OPTIONS, timeout=1)
    assert len(msit.calls) == 1


def test_what_the_first_try_left_is_not_taken_for_the_seconds(msit: FakeAisBench, model: OmFile) -> None:
    msit.fault("half energy")
    with pytest.raises(ToolFailed, match="again_summary"):
        timed(msit, model)


def test_the_largest_gear_is_timed_unless_another_is_asked_for(msit: FakeAisBench, tmp_path: Path) -> None:
    options = CompileOptions(
        soc_version="Ascend310P3", input_shape={"image": (-1, 3, 4, 4)}, dynamic_batch_size=(1, 16, 4)
    )
    held = om(tmp_path, (Tensor("image", "float32", (-1, 3, 4, 4)),))
    assert timed(msit, held, options).batch == 16
    asked = measure(msit.site, DEVICE, held, options, setting=settings_of(held, options)[2])
    assert (asked.batch, asked.shapes) == (4, (("image", (4, 3, 4, 4)),))
    gears = [call[call.index("--dym-batch") + 1] for call in msit.calls]
    assert gears == ["16", "4"]


def test_open_shapes_must_be_said(tool: FakeAisBench, tmp_path: Path) -> None:
    options = CompileOptions(soc_version="Ascend310P3", input_shape={"ids": (1, -1)})
    held = om(tmp_path, (Tensor("ids", "int64", (1, -1)),))
    with pytest.raises(ValueError, match="open shapes"):
        timed(tool, held, options)
    measure(tool.site, DEVICE, held, options, setting=Setting("dymshape", {"ids": (1, 9)}))
    assert tool.calls[-1][tool.calls[-1].index("--dymShape") + 1] == "ids:1,9"


@pytest.mark.parametrize("loops", [0, 99, 100_001])
def test_too_few_runs_give_no_percentiles(tool: FakeAisBench, model: OmFile, loops: int) -> None:
    with pytest.raises(ValueError, match="percentiles"):
        timed(tool, model, loops=loops)
    assert tool.calls == []


def test_an_older_summary_lies_inside(tool: FakeAisBench, model: OmFile) -> None:
    tool.fault("old")
    assert len(timed(tool, model).runs_ms) == LOOPS


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("no summary", ToolFailed, r"mean 2\.495 ms.*percentiles"),
        ("link", ToolFailed, "percentiles"),
        ("half", BadOutput, "no JSON"),
        ("nan", BadOutput, "run 3"),
        ("fewer", BadOutput, "3 runs where 100"),
        ("contradicts", BadOutput, "console"),
        ("busy", NoDevice, "507033"),
        ("memory", ToolFailed, "207001"),
        ("version", NotLoadable, "--soc_version=Ascend310P3"),
    ],
)
def test_what_goes_wrong_has_a_name(
    tool: FakeAisBench, model: OmFile, temporary: Path, fault: str, error: type[Exception], says: str
) -> None:
    tool.fault(fault)
    with pytest.raises(error, match=says):
        timed(tool, model)
    assert list(temporary.iterdir()) == []


def test_a_tool_that_hangs_is_stopped(tool: FakeAisBench, model: OmFile) -> None:
    tool.fault("hang")
    with pytest.raises(ToolFailed, match="did not end within 1 s"):
        measure(tool.site, DEVICE, model, OPTIONS, timeout=1)


def test_percentiles_are_numpys() -> None:
    runs = [float(value) for value in np.random.default_rng(1).gamma(2, 3, 137)]
    found = percentiles(runs)
    assert (found.p50, found.p90, found.p99) == tuple(np.percentile(runs, (50, 90, 99)))


def test_no_runs_have_no_percentiles() -> None:
    assert math.isnan(percentiles([]).p50)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=300))
@examples(max_examples=50, deadline=None)
def test_percentiles_are_ordered_and_within_the_runs(runs: list[float]) -> None:
    found = percentiles(runs)
    assert min(runs) <= found.p50 <= found.p90 <= found.p99 <= max(runs) * (1 + 1e-12)
