"""A measured profile: times without a profiler, operators with one, and a note wherever something is not known."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from stand_ins.installing import StandIns
from stand_ins.msprof_tables import figures
from stand_ins.payload import from_om
from stand_ins.sharing import RELEASES, shared, variables

from resources.ascend.cann.compiling import atc
from resources.ascend.cann.environment import installation
from resources.ascend.cann.environment.chip import Chip
from resources.ascend.cann.npus.devices import Device, devices
from resources.ascend.cann.npus.npu_smi_tables import ProcessRow
from resources.ascend.cann.om import om_file
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.profiling import msprof
from resources.ascend.cann.profiling.op_summary import Core, OpRecord
from resources.ascend.cann.profiling.operator_times import operators
from resources.ascend.cann.profiling.prof_tables import TypeStatistic
from resources.ascend.cann.profiling.profile import (
    LOOPS,
    UNKNOWN,
    WARMUP,
    disagreement,
    needed_bytes,
    profile,
    remarks,
)
from resources.ascend.cann.running.benchmark import Timing
from resources.ascend.cann.site import Site
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Profile, ToolchainIdentity

TIMING = Timing(
    runs_ms=tuple(2.0 + number / 100 for number in range(100)),
    h2d_ms=0.1,
    d2h_ms=0.1,
    energy_j=7.5,
    batch=1,
    tool="ais_bench 0.0.2",
    notes=("first note",),
)
IDENTITY = ToolchainIdentity(name="cann", version="test", cann="8.1.RC1", origin="measured")
CHIP = Chip("Ascend910B3", 20, 40, 1800.0)


def model(folder: Path) -> Path:
    """Conv, Relu, Gemm on an image of 3x8x8."""
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"], name="/conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="/relu"),
        helper.make_node("Flatten", ["r"], ["f"], name="/flatten"),
        helper.make_node("Gemm", ["f", "v"], ["out"], name="/fc"),
    ]
    weights = [
        numpy_helper.from_array(np.full((4, 3, 3, 3), 0.25, np.float32), "w"),
        numpy_helper.from_array(np.full((256, 10), 0.5, np.float32), "v"),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])]
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 10])]
    graph = helper.make_graph(nodes, "small", inputs, outputs, weights)
    path = folder / "m.onnx"
    path.write_bytes(
        helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString()
    )
    return path


class World:
    """One installation of stand-ins with a compiled model and a device."""

    def __init__(self, made: StandIns, folder: Path) -> None:
        self.made = made
        self.site = Site(installation.find(made.environ, made.root), root=made.root)
        self.options = CompileOptions(soc_version=made.soc, input_shape={"image": (1, 3, 8, 8)})
        atc.convert(self.site, model(folder), self.options, folder / "m.om", identity=IDENTITY)
        self.om: OmFile = om_file.read(folder / "m.om")
        self.device: Device = devices(self.site, turn=folder / "turn")[0]

    def profile(self) -> Profile:
        return profile(self.site, self.device, self.om, self.options, TIMING)


def notes(found: Profile) -> tuple[str, ...]:
    assert found.measurement is not None
    return found.measurement.notes


@pytest.fixture(scope="module", params=RELEASES)
def measured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Profile]:
    """Each release with its profile, which is taken once."""
    made = shared(request.param)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables(made).items():
            patch.setenv(name, value)
        made.mend()
        world = World(made, tmp_path_factory.mktemp(request.param))
        return world, world.profile()


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The middle generation, mended afterwards."""
    made = shared("8.1")
    for name, value in variables(made).items():
        monkeypatch.setenv(name, value)
    made.mend()
    yield World(made, tmp_path)
    made.mend()


def test_times_and_operators_of_every_release(measured: tuple[World, Profile]) -> None:
    world, found = measured
    assert (found.origin, found.soc_version, found.batch) == ("measured", world.made.soc, 1)
    assert found.latency_ms.p50 == pytest.approx(2.495)
    assert found.throughput == pytest.approx(1000 / 2.495)
    assert found.memory_bytes == world.om.memory_bytes + world.om.weight_bytes > 0
    assert found.memory_available_bytes == world.device.memory_bytes > 0
    assert found.error_band is None


def test_operators_are_those_of_the_device_by_the_names_of_the_onnx_file(measured: tuple[World, Profile]) -> None:
    world, found = measured
    asked = from_om(world.om.path).meta["times"][0]["ops"]
    assert {op.node: op.time_us for op in found.ops} == pytest.approx({op[0]: op[2] for op in asked}, abs=1e-3)
    assert [op.node for op in found.ops] == [op[0] for op in asked]
    kinds = {op.node: op.op for op in found.ops}
    assert (kinds["/conv"], kinds["/fc"]) == ("Conv2D", "MatMulV2")
    assert {op.core for op in found.ops} <= {"AI_CORE", "AI_VECTOR_CORE"}


def test_utilisation_is_what_the_devices_cycles_say(measured: tuple[World, Profile]) -> None:
    world, found = measured
    cores, clock = figures(world.made.soc)
    busy_us = math.fsum(round(0.9 * op.time_us * clock * cores) / clock / cores for op in found.ops)
    assert found.aicore_utilisation == pytest.approx(busy_us / 2495, rel=1e-2)


def test_how_it_was_measured_is_told(measured: tuple[World, Profile]) -> None:
    world, found = measured
    told = found.measurement
    assert told is not None
    assert (told.runs_ms, told.warmup, told.energy_j) == (TIMING.runs_ms, TIMING.warmup, 7.5)
    assert told.device == str(world.device)
    assert told.tools[:2] == ("ais_bench 0.0.2", f"msprof of CANN {world.site.installation.version}")
    assert "driver 24.1.0" in told.tools
    assert told.advice == ()
    scaled = "this card changes its clock: core times, and the utilisation from them, are a reference only"
    without = "no advice: msprof-analyze is not on PATH (install it with the python3 that CANN uses)"
    assert told.notes == ("first note", without, *((scaled,) if world.made.soc == "Ascend310P3" else ()))


def test_the_profiled_run_is_short_and_sees_every_device(faulty: World) -> None:
    faulty.profile()
    (call,) = (call for call in faulty.made.calls("ais_bench") if "--loop" in call["argv"])
    argv = call["argv"]
    assert argv[argv.index("--loop") + 1] == str(LOOPS)
    assert argv[argv.index("--warmup_count") + 1] == str(WARMUP)
    assert argv[argv.index("--device") + 1] == str(faulty.device.logic)
    assert "ASCEND_RT_VISIBLE_DEVICES" not in call["env"]
    assert not Path(call["cwd"]).exists()


@pytest.mark.parametrize(
    ("tool", "fault", "why"),
    [
        ("msprof", "missing", "msprof ended with exit code 0 and left no profile, running the model"),
        ("msprof", "crash", "msprof ended with exit code -11 and left no profile, running the model"),
        ("msprof", "no_csv", "msprof (exit code 0) exported no op_summary, running the model"),
        ("msprof", "garbage_csv", "op_summary lists none"),
        ("msprof", "hang", "msprof did not end within 1 s"),
        ("ais_bench", "aicore", "msprof ended with exit code 1 and left no profile, running the model: an AI core met"),
        (
            "ais_bench",
            "busy",
            "msprof ended with exit code 1 and left no profile: the device cannot be opened (507033)",
        ),
    ],
)
def test_a_profiler_that_fails_costs_the_operators_and_not_the_times(
    faulty: World, monkeypatch: pytest.MonkeyPatch, tool: str, fault: str, why: str
) -> None:
    if fault == "hang":
        monkeypatch.setattr(msprof, "PROFILE_SECONDS", 1.0)
    faulty.made.break_(tool, fault)
    found = faulty.profile()
    assert found.latency_ms.p50 == pytest.approx(2.495)
    assert found.ops == ()
    assert math.isnan(found.aicore_utilisation)
    assert notes(found)[0] == "first note"
    assert notes(found)[1].startswith(f"{UNKNOWN}: {why}")
    assert "\n" not in "".join(notes(found))
    assert "/tmp" not in "".join(notes(found))  # noqa: S108 - a path of this machine is nobody's business
    assert found.measurement is not None
    assert found.measurement.tools[1] == f"CANN {faulty.site.installation.version}"


def test_without_msprof_it_says_what_to_install(faulty: World) -> None:
    site = Site(replace(faulty.site.installation, home=faulty.made.home / "nowhere"), root=faulty.made.root)
    found = profile(site, faulty.device, faulty.om, faulty.options, TIMING)
    assert found.ops == ()
    assert notes(found)[1].startswith(UNKNOWN)


def test_a_device_that_others_use_and_a_file_that_is_silent_are_told(faulty: World) -> None:
    faulty.made.break_("msprof", "missing")
    faulty.device = replace(faulty.device, processes=(ProcessRow(0, 0, 4711, "python3", 120),))
    faulty.om = replace(faulty.om, attributes={k: v for k, v in faulty.om.attributes.items() if k != "memory_size"})
    found = faulty.profile()
    assert found.memory_bytes == 0
    assert notes(found)[-2:] == (
        "the file does not tell how much memory it needs",
        "other processes were on the device before the run: 1",
    )


@pytest.mark.parametrize(
    ("attributes", "needed"),
    [
        ({"memory_size": 5, "weight_size": 7}, 12),
        ({"memory_size": 0, "weight_size": 7}, 7),
        ({"weight_size": 7}, 0),
        ({"memory_size": 5}, 0),
        ({"memory_size": -5, "weight_size": 7}, 0),
        ({}, 0),
    ],
)
def test_half_of_what_a_model_needs_is_not_what_it_needs(attributes: dict[str, int], needed: int) -> None:
    assert needed_bytes(OmFile(Path("m.om"), "m", None, 0, (), attributes)) == needed  # type: ignore[arg-type]


def records(mhz: float = 1800.0, kind: str = "AI_CORE", runs: int = LOOPS) -> tuple[OpRecord, ...]:
    core = None if kind == "AI_CPU" else Core(9.0, 9.0 * mhz * 20, {"mac": 0.9})
    return tuple(OpRecord("conv", "Conv2D", kind, float(run), 10.0, 0.0, 20, cube=core) for run in range(runs))


def said(found: tuple[OpRecord, ...], chip: Chip = CHIP) -> tuple[str, ...]:
    return remarks(found, operators(found, chip), chip)


def test_of_a_plain_profile_there_is_nothing_to_remark() -> None:
    assert said(records()) == ()
    assert said(()) == ()


def test_a_throttled_clock_is_told() -> None:
    assert said(records(mhz=900)) == ("the cores ran at 900 MHz, not at 1800: was the card throttled?",)
    assert said(records(mhz=1790)) == ()
    assert said(records(mhz=900), Chip("Ascend910B3")) == ()


def test_a_card_that_changes_its_clock_is_not_asked_why() -> None:
    assert said(records(mhz=900), Chip("Ascend310P3", 20, 0, 1060.0)) == (
        "this card changes its clock: core times, and the utilisation from them, are a reference only",
        "the cores ran at 900 MHz, not at 1060",
    )


def test_operators_on_the_ai_cpu_are_told() -> None:
    found = (*records(), *(replace(r, name="nms", op="NonMaxSuppression") for r in records(kind="AI_CPU")))
    assert said(found) == (
        "on the AI CPU, not on AI cores: 1 of the operators, 0.01 ms of each run, first nms (NonMaxSuppression)",
    )


def test_a_profile_without_columns_of_cores_is_told() -> None:
    (note,) = said(tuple(replace(record, cube=None) for record in records()))
    assert note == "the profile has no columns of cores: what holds an operator back is not known"


def test_a_profile_of_fewer_runs_is_told() -> None:
    assert said(records(runs=3)) == (
        f"the profile holds 3 counted runs where {LOOPS} were asked for: it may be incomplete",
    )


def test_it_survives_the_store(faulty: World) -> None:
    faulty.made.break_("msprof", "missing")
    found = faulty.profile()
    again = Profile.model_validate_json(found.model_dump_json())
    assert again.measurement == found.measurement
    assert json.loads(found.model_dump_json())["aicore_utilisation"] == "NaN"


def statistic(total_us: float) -> TypeStatistic:
    return TypeStatistic("Conv2D", "AI_CORE", 10, total_us, total_us / 10, 100.0)


@pytest.mark.parametrize(
    ("totals", "said"), [((1000.0,), ""), ((600.0, 390.0), ""), ((), ""), ((math.nan,), ""), ((700.0,), "0.7 ms")]
)
def test_tables_that_disagree_are_told(totals: tuple[float, ...], said: str) -> None:
    records = [OpRecord("conv", "Conv2D", "AI_CORE", 0.0, 100.0, 0.0, 1)] * 10
    found = disagreement(records, [statistic(total) for total in totals])
    assert said in found
    assert bool(found) == bool(said)
