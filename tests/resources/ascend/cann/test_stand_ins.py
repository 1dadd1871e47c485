"""The stand-ins keep to what is published of CANN's programs: what else would tests on them be worth?"""

import json
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from stand_ins.atc_faults import REFUSALS
from stand_ins.installing import StandIns

FAILURE = "ATC run failed, Please check the detail log, Try 'atc --help' for more information"
SUCCESS = "ATC run success, welcome to the next use."

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def model(op: str = "Relu", batch: int | str = 1) -> bytes:
    """Conv, `op`, Flatten: image [batch,3,8,8] -> out [batch,256]."""
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node(op, ["c"], ["r"], name="activation"),
        helper.make_node("Flatten", ["r"], ["out"], name="flatten"),
    ]
    weights = [numpy_helper.from_array(np.full((4, 3, 3, 3), 0.25, np.float32), "w")]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 8, 8])]
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, 256])]
    graph = helper.make_graph(nodes, "small", inputs, outputs, weights)
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    return made.SerializeToString()  # type: ignore[no-any-return]


@pytest.fixture
def run(stand_ins: StandIns, tmp_path: Path) -> Run:
    """Run a program in a folder with a model in it, with nothing but what it needs in the environment."""
    (tmp_path / "m.onnx").write_bytes(model())
    (tmp_path / "bad.onnx").write_bytes(model("Convx"))
    path = f"{stand_ins.home}/bin:{stand_ins.root}/usr/local/bin:/usr/bin:/bin"
    modules = str(stand_ins.home / "python" / "site-packages")

    def call(*argv: str | Path, **env: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            ["/usr/bin/env", *map(str, argv)],
            cwd=tmp_path,
            env={"PATH": path, "PYTHONPATH": modules, **env},
            capture_output=True,
            timeout=60,
            check=False,
        )

    return call


def atc(soc: str, source: str = "m.onnx", *more: str) -> list[str]:
    return ["atc", "--framework=5", f"--model={source}", "--output=m", f"--soc_version={soc}", *more]


def bench(stand_ins: StandIns, *more: str) -> list[str]:
    """ais_bench as the release spells it; `more` in the older spelling."""
    if stand_ins.tree.generation != "9":
        return ["python3", "-m", "ais_bench", "--model", "m.om", *more]
    spelt = {"--output_dirname": "--output-dirname", "--warmup_count": "--warmup-count", "--dymBatch": "--dym-batch"}
    return ["msit", "benchmark", "--om-model", "m.om", *(spelt.get(word, word) for word in more)]


def test_bare_atc_fails_with_the_code_of_its_version(run: Run, stand_ins: StandIns) -> None:
    ended = run("atc")
    code = {"7": "E10054", "8": "E10007", "9": "E10007"}[stand_ins.tree.generation]
    assert ended.returncode == 255
    assert FAILURE in ended.stdout.decode()
    assert code in ended.stdout.decode()


def test_atc_writes_a_real_om_and_its_side_files(run: Run, stand_ins: StandIns, tmp_path: Path) -> None:
    ended = run(*atc(stand_ins.soc), ASCEND_WORK_PATH="")
    assert ended.returncode == 0
    assert SUCCESS in ended.stdout.decode()
    data = (tmp_path / "m.om").read_bytes()
    assert data[:8] == b"IMOD\0\1\0\0"
    assert struct.unpack_from("<Q", data, 184)[0] + 256 == len(data)
    assert b"--framework=5 --model=m.onnx" in data
    assert (tmp_path / "kernel_meta").is_dir()
    assert "graph_fusion" in (tmp_path / "fusion_result.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("spelling", ["--log=error", "-log=error", "--op-debug-level=1", "--op_debug_level=1"])
def test_atc_takes_every_spelling_of_a_flag(run: Run, stand_ins: StandIns, spelling: str) -> None:
    assert run(*atc(stand_ins.soc, "m.onnx", spelling)).returncode == 0


@pytest.mark.parametrize(
    "wrong", ["--no_such_flag=1", "--soc_version=Ascend310X", "--model=none.onnx", "--log=loud", "--framework=9"]
)
def test_atc_refuses_what_atc_refuses(run: Run, stand_ins: StandIns, tmp_path: Path, wrong: str) -> None:
    ended = run(*atc(stand_ins.soc), wrong)
    assert ended.returncode != 0
    assert FAILURE in ended.stdout.decode()
    assert not list(tmp_path.glob("*.om"))


def test_an_unknown_operator_is_named(run: Run, stand_ins: StandIns) -> None:
    said = run(*atc(stand_ins.soc, "bad.onnx")).stdout.decode()
    if stand_ins.tree.generation == "9":
        assert "(E13010): No operator plugin is registered for Op: activation, optype: ai.onnx::13::Convx." in said
    else:
        assert "No parser is registered for Op [activation, optype [ai.onnx::13::Convx]]." in said
        assert "E19010" in said


def test_dynamic_gears_exclude_each_other(run: Run, stand_ins: StandIns) -> None:
    ended = run(*atc(stand_ins.soc), "--dynamic_batch_size=1,2", "--dynamic_dims=1;2")
    assert ended.returncode == 255
    assert "E10009" in ended.stdout.decode()


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_each_refusal_can_be_asked_for(run: Run, stand_ins: StandIns, tmp_path: Path, code: str) -> None:
    stand_ins.break_("atc", code)
    ended = run(*atc(stand_ins.soc))
    assert ended.returncode == 255
    assert code in ended.stdout.decode()
    assert not (tmp_path / "m.om").exists()


def test_the_three_layouts_differ(run: Run, stand_ins: StandIns) -> None:
    stand_ins.break_("atc", "EZ3003")
    said = run(*atc(stand_ins.soc)).stdout.decode()
    head = {
        "7": r"EZ3003: No supported Ops kernel and engine are found for [conv]",
        "8": "No supported Ops kernel and engine are found for [PartitionedCall_conv_Conv2D_0]",
        "9": "Unsupported_Operator(EZ3003): No supported Ops kernel and engine are found for conv,",
    }
    assert head[stand_ins.tree.generation] in said


def test_ais_bench_computes_with_fp16_rounding(run: Run, stand_ins: StandIns, tmp_path: Path) -> None:
    run(*atc(stand_ins.soc))
    given = np.linspace(-1, 1, 192, dtype=np.float32).reshape(1, 3, 8, 8)
    np.save(tmp_path / "a.npy", given)
    files = ("--input", "a.npy", "--output", "out", "--output_dirname", "x", "--outfmt", "NPY")
    ended = run(*bench(stand_ins, *files, "--loop", "5", "--warmup_count", "2"))
    assert ended.returncode == 0, ended.stderr
    made = np.load(tmp_path / "out" / "x" / "a_0.npy")
    assert made.shape == (1, 256)
    assert np.array_equal(made, made.astype(np.float16).astype(np.float32))
    summary = json.loads((tmp_path / "out" / "x_summary.json").read_text(encoding="utf-8"))
    assert len(summary["npu_compute_time_list"]) == 5
    assert b"NPU_compute_time (ms): min = " in ended.stdout


@pytest.mark.parametrize(
    ("fault", "said"), [("busy", b"507033"), ("wrong_sizes", b"tensorsize"), ("out_of_memory", b"207001")]
)
def test_ais_bench_fails_in_its_own_words(
    run: Run, stand_ins: StandIns, tmp_path: Path, fault: str, said: bytes
) -> None:
    run(*atc(stand_ins.soc))
    np.save(tmp_path / "a.npy", np.zeros((1, 3, 8, 8), np.float32))
    stand_ins.break_("ais_bench", fault)
    ended = run(*bench(stand_ins, "--input", "a.npy"))
    assert ended.returncode == 1
    assert said in ended.stdout


def test_a_device_that_is_not_visible_cannot_be_opened(run: Run, stand_ins: StandIns) -> None:
    run(*atc(stand_ins.soc))
    assert run(*bench(stand_ins, "--device", "0"), ASCEND_RT_VISIBLE_DEVICES="1").returncode == 0
    ended = run(*bench(stand_ins, "--device", "1"), ASCEND_RT_VISIBLE_DEVICES="1")
    assert b"acl open device 1 failed, retCode 507033" in ended.stdout


def test_an_om_for_another_soc_does_not_run(run: Run, stand_ins: StandIns) -> None:
    run(*atc(stand_ins.other_soc))
    assert b"507008" in run(*bench(stand_ins)).stdout


def test_gears_must_be_chosen(run: Run, stand_ins: StandIns, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(model(batch="n"))
    ended = run(*atc(stand_ins.soc), "--input_shape=image:-1,3,8,8", "--dynamic_batch_size=1,4")
    assert ended.returncode == 0, ended.stdout
    assert run(*bench(stand_ins)).returncode == 1
    assert run(*bench(stand_ins, "--dymBatch", "4")).returncode == 0
    assert run(*bench(stand_ins, "--dymBatch", "3")).returncode == 1


def test_msprof_leaves_the_tables_of_its_generation(run: Run, stand_ins: StandIns, tmp_path: Path) -> None:
    run(*atc(stand_ins.soc))
    assert run("msprof", "--output=prof", *bench(stand_ins, "--loop", "3")).returncode == 0
    (profile,) = (tmp_path / "prof").glob("PROF_*")
    if stand_ins.tree.generation == "7":
        assert not list(profile.rglob("op_summary_*.csv"))
        assert run("msprof", "--export=on", f"--output={profile}").returncode == 0
    (table,) = profile.rglob("op_summary_*.csv")
    header = table.read_text(encoding="utf-8").splitlines()[0].split(",")
    tell = {"7": "total_cycles", "8": "Block Dim", "9": "Block Num"}[stand_ins.tree.generation]
    assert tell in header
    assert ("aic_total_cycles" in header) == (stand_ins.tree.generation != "7")


def test_npu_smi_shows_every_chip(run: Run, stand_ins: StandIns) -> None:
    table = run("npu-smi", "info").stdout.decode()
    assert len({len(line) for line in table.splitlines()}) == 1
    for chip in stand_ins.tree.chips:
        assert f"| {chip.npu} " in table
    board = run("npu-smi", "info", "-t", "board", "-i", str(stand_ins.tree.chips[0].npu), "-c", "0").stdout.decode()
    assert "Chip Name" in board


def test_a_dump_is_compared_and_converted(run: Run, stand_ins: StandIns, tmp_path: Path) -> None:
    run(*atc(stand_ins.soc))
    np.save(tmp_path / "a.npy", np.ones((1, 3, 8, 8), np.float32))
    for name in ("dump", "golden", "result"):
        (tmp_path / name).mkdir()
    asked = {"dump_list": [{"model_name": "m"}], "dump_path": str(tmp_path / "dump"), "dump_mode": "all"}
    (tmp_path / "acl.json").write_text(json.dumps({"dump": asked}), encoding="utf-8")
    flag = "--acl-json-path" if stand_ins.tree.generation == "9" else "--acl_json_path"
    assert run(*bench(stand_ins, "--input", "a.npy"), flag, "acl.json").returncode == 0
    first = next(path for path in (tmp_path / "dump").rglob("*") if path.is_file())
    assert run("atc", "--mode=1", "--om=m.om", "--json=m.json").returncode == 0
    script = stand_ins.home / "tools" / "operator_cmp" / "compare" / "msaccucmp.py"
    compare = ("compare", "-m", first.parent, "-g", "golden", "-f", "m.json", "-out", "result")
    assert run("python3", script, *compare).returncode == 2
    (table,) = (tmp_path / "result").glob("result_*.csv")
    assert table.read_text(encoding="utf-8").count("Cannot find the ground truth") == 2
    assert run("python3", script, "convert", "-d", first.parent, "-out", "result", "-t", "npy").returncode == 0
    assert len(list((tmp_path / "result").glob("*.output.0.npy"))) == 2
