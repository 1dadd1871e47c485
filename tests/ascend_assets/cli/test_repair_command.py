"""`ascend repair` as its users meet it: the smallest change, a file that holds, an object or a page to read."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import strange_models
from onnx import ModelProto, TensorProto, helper, numpy_helper
from strange_models import BAD, named, tokens, weight
from test_preflight_command import HOSTILE, UNREADABLE
from test_start import HEAVY, loaded

from ascend_assets import preflight
from benchmarks.two_layers import two_layers
from resources.ascend.options import CompileOptions

if TYPE_CHECKING:
    from cli_fixtures import Ascend

Here = Callable[..., tuple[int, str, str]]
KEYS = {
    "model", "sha256", "soc", "origin", "healthy", "causes", "attempts", "repaired", "remedies", "for_person",
    "assumed", "options", "atc", "atc_files", "option_changes", "graph_changes", "before", "after", "output", "ended",
    "seconds",
}  # fmt: skip


def written(folder: Path, model: ModelProto, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def attention(mask: float = -1e9) -> ModelProto:
    """One head of attention behind a mask that is multiplied, as exporters write it; sums along the way fit FP16."""
    nodes = [
        helper.make_node("MatMul", ["x", "wq"], ["q"], name="query"),
        helper.make_node("Transpose", ["x"], ["k"], name="key", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "k"], ["scores"], name="scores"),
        helper.make_node("Sub", ["one", "mask"], ["inverse"], name="inverse"),
        helper.make_node("Mul", ["inverse", "far"], ["additive"], name="additive"),
        helper.make_node("Add", ["scores", "additive"], ["masked"], name="masked"),
        helper.make_node("Softmax", ["masked"], ["shares"], name="softmax", axis=-1),
        helper.make_node("MatMul", ["shares", "x"], ["y"], name="context"),
    ]
    value = strange_models.value
    weights = [weight("wq", 8, 8), numpy_helper.from_array(np.array(1, np.float32), "one")]
    weights.append(numpy_helper.from_array(np.array(mask, np.float32), "far"))
    inputs = [value("x", [1, 6, 8]), value("mask", [1, 1, 6])]
    return strange_models.model(nodes, inputs, [value("y", [1, 6, 8])], weights)


def inputs_of(folder: Path) -> Path:
    path = folder / "inputs.npz"
    rng = np.random.default_rng(5)
    mask = np.array([[[1, 1, 1, 1, 0, 0]]], np.float32)
    np.savez(path, x=rng.standard_normal((1, 6, 8)).astype(np.float32), mask=mask)
    return path


def held(found: dict[str, Any], path: Path, inputs: Path | None = None) -> bool:
    """Whether preflight, asked anew, admits the file with the options that were given."""
    return bool(preflight.run(path, CompileOptions.model_validate(found["options"]), inputs=inputs))


def test_a_model_that_fails_is_mended_and_the_answer_holds(tmp_path: Path, ascend: "Ascend") -> None:
    path, inputs = written(tmp_path, attention()), inputs_of(tmp_path)
    before = path.read_bytes()
    ended = ascend("repair", path, "--inputs", inputs, "-o", "fixed.onnx", "--json")
    assert ended.code == 0, ended.err
    found = ended.object
    assert set(found) == KEYS
    assert (found["repaired"], found["healthy"], found["output"]) == (True, False, "fixed.onnx")
    assert found["causes"][0]["family"] == "fp16_constants"
    assert found["before"]["refused"]
    assert found["after"]["refused"] == []
    assert held(found, tmp_path / "fixed.onnx", inputs)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fixed.onnx", "inputs.npz", "model.onnx"]


def test_a_healthy_model_is_handed_back_as_it_is(tmp_path: Path, ascend: "Ascend") -> None:
    path = written(tmp_path, two_layers())
    ended = ascend("repair", path, "-o", "fixed.onnx", "--json", "--batch", "2")
    found = ended.object
    assert (ended.code, ended.err) == (0, "")
    assert (found["healthy"], found["repaired"], found["remedies"], found["attempts"]) == (True, False, [], [])
    assert (found["option_changes"], found["graph_changes"], found["assumed"]) == ([], [], [])
    assert (tmp_path / "fixed.onnx").read_bytes() == path.read_bytes()


def test_where_options_mend_it_the_file_stays_what_it_was(tmp_path: Path, here: Here) -> None:
    path, fixed = written(tmp_path, two_layers()), tmp_path / "fixed.onnx"
    code, out, _ = here("repair", str(path), "-o", str(fixed), "--json", "--soc", "310P3")
    found = json.loads(out)
    assert code == 0
    assert found["remedies"] == [{"kind": "choose_soc", "soc_version": "Ascend310P3"}]
    assert found["option_changes"] == [{"option": "soc_version", "before": "310P3", "after": "Ascend310P3"}]
    assert fixed.read_bytes() == path.read_bytes()
    assert held(found, fixed)


def test_a_newer_opset_is_converted(tmp_path: Path, here: Here) -> None:
    fixed = tmp_path / "fixed.onnx"
    code, out, _ = here("repair", str(written(tmp_path, two_layers(opset=20))), "-o", str(fixed), "--json")
    found = json.loads(out)
    assert code == 0
    assert [remedy["kind"] for remedy in found["remedies"]] == ["convert_opset"]
    assert held(found, fixed)


def test_sizes_that_nobody_stated_are_assumed_aloud(tmp_path: Path, here: Here) -> None:
    path = written(tmp_path, tokens("sequence"))
    code, out, _ = here("repair", str(path), "--json")
    found = json.loads(out)
    assert (code, found["repaired"]) == (0, True)
    assert set(found["assumed"]) == {"ids", "mask"}
    assert [remedy["kind"] for remedy in found["for_person"]] == ["set_input_shapes"]
    assert f"--input_shape=ids:{','.join(map(str, found['options']['input_shape']['ids']))}" in " ".join(found["atc"])
    code, out, _ = here("repair", str(path), "--lang", "en")
    assert code == 0
    assert "ASSUMED: nobody stated all sizes of ids, mask" in out
    assert "for a person to decide" in out


def test_what_cannot_be_mended_is_said_with_its_causes(tmp_path: Path, ascend: "Ascend") -> None:
    ended = ascend("repair", written(tmp_path, BAD["foreign"]()), "-o", "fixed.onnx", "--json")
    found = ended.object
    assert ended.code == 1
    assert (found["repaired"], found["healthy"], found["after"], found["output"]) == (False, False, None, None)
    assert found["causes"]
    assert found["ended"]
    assert not (tmp_path / "fixed.onnx").exists()
    (line,) = ended.err.splitlines()
    assert line.startswith("ascend: ")


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_model_is_told_in_one_line(tmp_path: Path, here: Here, name: str) -> None:
    paths = strange_models.write_bytes(tmp_path)
    code, out, err = here("repair", str(paths[name]), "--json", "-o", str(tmp_path / "fixed.onnx"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not (tmp_path / "fixed.onnx").exists()


@pytest.mark.parametrize("name", ["without_nodes", "cyclic", "escaping", "greedy", "zero_dimension", "huge_name"])
def test_what_is_broken_or_unsafe_is_not_repaired(tmp_path: Path, here: Here, name: str) -> None:
    code, out, _ = here("repair", str(written(tmp_path, BAD[name]())), "--json")
    assert (code, out) == (2, "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--input-shape", "x=3"], "--input-shape"),
        (["--precision-mode", "force_fp16", "--precision-mode-v2", "fp16"], "exclude each other"),
        (["--keep-dtype", "two\nlines"], "line break"),
        (["--attempts", "-1"], "--attempts"),
        (["--timeout", "0"], "--timeout"),
        (["--lang", "de"], "--lang"),
        (["-o", "missing/fixed.onnx"], "folder does not exist"),
        (["--inputs", "none.npz"], "none.npz"),
    ],
)
def test_a_bad_option_is_told_before_any_work(tmp_path: Path, here: Here, options: list[str], says: str) -> None:
    code, out, err = here("repair", str(written(tmp_path, two_layers(scale=1e6))), "--json", *options)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert says in line


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path: Path, here: Here) -> None:
    path, fixed = written(tmp_path, two_layers()), tmp_path / "fixed.onnx"
    fixed.write_bytes(b"mine")
    code, _, err = here("repair", str(path), "-o", str(fixed))
    assert (code, fixed.read_bytes()) == (2, b"mine")
    assert "--force" in err
    assert here("repair", str(path), "-o", str(path))[0] == 2, "nor is the given file"
    assert here("repair", str(path), "-o", str(fixed), "--force")[0] == 0
    assert fixed.read_bytes() == path.read_bytes()


def test_no_attempts_change_nothing(tmp_path: Path, here: Here) -> None:
    path = written(tmp_path, two_layers(opset=20))
    code, out, _ = here("repair", str(path), "--attempts", "0", "--json")
    found = json.loads(out)
    assert (code, found["repaired"], found["attempts"]) == (1, False, [])
    assert found["causes"]


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ["repaired", "what is changed", "to compile it"]), ("zh", ["已修复", "修改内容", "编译命令"])],
)
def test_a_person_reads_causes_changes_and_the_command(
    tmp_path: Path, here: Here, language: str, words: list[str]
) -> None:
    path, fixed = written(tmp_path, attention()), tmp_path / "fixed.onnx"
    code, out, err = here(
        "repair", str(path), "--inputs", str(inputs_of(tmp_path)), "-o", str(fixed), "--lang", language
    )
    assert code == 0
    for word in [*words, "fp16_constants", "additive", str(fixed)]:
        assert word in out
    assert "attempt 1: " in err


def test_the_environment_chooses_the_language_and_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    path = written(tmp_path, two_layers(opset=20))
    names = loaded(tmp_path, "repair", str(path), "--json", LANG="zh_CN.UTF-8")
    assert "0" in names
    assert not names.intersection({*HEAVY, "openai", "httpx"})


def test_an_edit_that_is_not_written_is_told(tmp_path: Path, here: Here) -> None:
    path = written(tmp_path, two_layers(opset=20))
    _, out, _ = here("repair", str(path), "--lang", "en")
    assert "NOT WRITTEN" in out
    assert "--model=FIXED.onnx" in out


def test_the_command_can_be_copied_into_a_shell(tmp_path: Path, here: Here) -> None:
    path = written(tmp_path, attention(), "it's mine.onnx")
    _, out, _ = here("repair", str(path), "--lang", "en", "--inputs", str(inputs_of(tmp_path)))
    start = next(i for i, line in enumerate(out.splitlines()) if line.startswith("to compile it"))
    command = " ".join(out.splitlines()[start + 1 : start + 4])
    assert shlex.split(command)[0] == "atc"


def test_names_do_not_move_the_cursor(tmp_path: Path, here: Here) -> None:
    model = named(HOSTILE)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((8, 4), 1e6, np.float32), "w"))
    path = written(tmp_path, model)
    for options in ([], ["--json"], ["--lang", "zh"]):
        _, out, err = here("repair", str(path), *options)
        assert all(line.isprintable() for line in (out + err).splitlines())
        assert "evil" in out


def test_weights_are_never_changed_by_themselves(tmp_path: Path, here: Here) -> None:
    """On a SoC whose cube takes nothing but FP16 a weight of 1e6 can only be scaled, which a person decides."""
    path = written(tmp_path, two_layers(scale=1e6))
    code, out, _ = here("repair", str(path), "--json")
    found = json.loads(out)
    assert all(
        remedy["kind"] not in {"scale_weights", "clamp_weights"}
        for remedy in (
            *found["remedies"],
            *(r for a in found["attempts"] if a["passed"] for r in a["remedies"] if code == 0),
        )
    )


def test_the_same_file_has_the_same_answer(tmp_path: Path, here: Here) -> None:
    path, inputs = written(tmp_path, attention()), inputs_of(tmp_path)
    answers = []
    for number in range(2):
        fixed = tmp_path / f"{number}.onnx"
        found = json.loads(here("repair", str(path), "--inputs", str(inputs), "--json", "-o", str(fixed))[1])
        answers.append(
            (found["remedies"], found["options"], [a["remedies"] for a in found["attempts"]], fixed.read_bytes())
        )
    assert answers[0] == answers[1]


def test_a_model_with_weights_beside_it_can_be_repaired_elsewhere(tmp_path: Path, here: Here) -> None:
    path, elsewhere = tmp_path / "apart.onnx", tmp_path / "elsewhere"
    onnx.save(two_layers(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    elsewhere.mkdir()
    assert here("repair", str(path), "-o", str(elsewhere / "fixed.onnx"), "--json")[0] == 0
    assert onnx.load(elsewhere / "fixed.onnx").graph.initializer[0].data_location == TensorProto.DEFAULT
