"""`ascend scale plan` as a person and as a script see it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from ascend_assets import models
from ascend_assets.cli import scale, scale_inputs, scale_page
from resources.home import PROJECT
from resources.kubernetes.sizes import DEFAULTS

Here = Callable[..., tuple[int, str, str]]
FEW = ("scale", "plan", "--models", "100", "--commits-a-day", "200")
ON_310P = (*FEW, "--targets", "Ascend310P3")


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def object_of(text: str) -> dict[str, Any]:
    (line,) = text.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_person_reads_tables_and_what_gives_way_first(here: Here) -> None:
    code, out, err = here(*ON_310P)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "models: 100; commits a day: 200 within 10 h; candidates a day: 200"
    assert any(line.startswith("Ascend310P3") for line in lines)
    for heading in ("cards", "slots", "pods", "what piles up", "what gives way first"):
        assert any(line.startswith(heading) for line in lines), heading
    assert "from a commit to its release:" in out


def test_a_script_reads_one_object_with_every_figure(here: Here) -> None:
    code, out, err = here(*ON_310P, "--json")
    assert (code, err) == (0, "")
    found = object_of(out)
    assert found["demand"]["candidates_a_day"] == 200
    assert found["cards"]["Ascend310P3"]["places"] >= 1
    assert found["figures"]["times.compilation"] | {"source": ""} == {
        "value": 120.0,
        "unit": "s",
        "origin": "assumed",
        "source": "",
    }
    assert {one["origin"] for one in found["ceilings"]} <= {"measured", "emulated", "published", "assumed"}


def test_the_disk_that_pods_ask_for_is_told(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = object_of(here(*ON_310P, "--json")[1])
    assert shipped["at_once"]["disk_gib_of_card"] == float(DEFAULTS["precision"].disk.removesuffix("Gi"))
    assert f"for up to {shipped['at_once']['disk_gib_of_card']:g} GiB" in here(*ON_310P)[1]
    own = tmp_path / "cluster.yaml"
    size = "\nresources:\n  precision: {cpu: 4, memory: 16Gi, disk: 400Gi}\n"
    own.write_text((PROJECT / "cluster.yaml").read_text() + size)
    monkeypatch.setenv("ASCEND_CLUSTER", str(own))
    larger = object_of(here(*ON_310P, "--json")[1])
    assert larger["at_once"]["disk_gib_of_card"] == 400
    assert larger["at_once"]["disk_gib"] >= 400 > shipped["at_once"]["disk_gib"] > 0


def test_targets_are_those_of_the_models_that_are_here(here: Here) -> None:
    found = object_of(here(*FEW, "--json")[1])
    assert found["demand"]["targets"] == {"Ascend310P3": 1.0, "Ascend910B3": 1.0}


def test_without_a_model_here_targets_have_to_be_given(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "DEFS", tmp_path)
    code, _, err = here(*FEW)
    assert code == 2
    assert "give --targets" in err


def test_given_cards_answer_how_long_one_waits(here: Here) -> None:
    question = ("scale", "plan", "--models", "1000", "--commits-a-day", "1000", "--targets", "Ascend310P3")
    code, out, _ = here(*question, "--cards", "Ascend310P3=2")
    assert code == 0
    assert "Ascend310P3: more work than cards while commits come; the last is done" in out
    code, out, err = here(*question, "--cards", "Ascend310P3=1")
    assert (code, out) == (1, "")
    assert "the queue would grow for ever; give 2 or more" in err
    code, out, _ = here(*question, "--cards", "Ascend310P3=1", "--json")
    assert code == 1
    assert object_of(out)["refused"] is True


def test_ones_own_figures_replace_assumed_ones(here: Here) -> None:
    plain = object_of(here(*ON_310P, "--json")[1])
    own = object_of(here(*ON_310P, "--compile-seconds", "600", "--training-minutes", "2", "--json")[1])
    assert own["figures"]["times.compilation"]["source"] == "given: --compile-seconds"
    assert own["figures"]["times.training"]["value"] == 120.0
    assert own["slots"]["compiling"]["held_seconds"] == pytest.approx(plain["slots"]["compiling"]["held_seconds"] + 480)


def test_every_own_figure_names_one_that_there_is() -> None:
    own = dict.fromkeys(scale_inputs._OWN, 0.5)
    changed = dict(scale_page._figures(scale_inputs.figures_in_force(own)))
    assert sum(figure.source.startswith("given: ") for figure in changed.values()) == len(own)


def test_figures_are_shown_with_their_sources(here: Here) -> None:
    out = here(*ON_310P, "--figures")[1]
    assert "times.pod_start" in out
    assert "Kubernetes SIG Scalability" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--targets", "Ascend999"), "no hardware figures for SoC 'Ascend999'"),
        (("--targets", "Ascend310P3=x"), "'x' is no number"),
        (("--targets", "Ascend310P3=nan"), "targets of Ascend310P3: nan"),
        (("--targets", "Ascend310P3,Ascend310P3=2"), "stands twice"),
        (("--targets", "Ascend310P3", "--cards", "Ascend310P3"), "say how many"),
        (("--targets", "Ascend310P3", "--cards", "Ascend310P3=1.5"), "give a whole number"),
        (("--targets", "Ascend310P3", "--cards", "Ascend310P3=inf"), "give a whole number"),
        (("--targets", "Ascend310P3", "--cards", "Ascend910B3=2"), "give how many of each: Ascend310P3"),
        (("--hours", "0"), "--hours"),
        (("--commits-a-day", "nan"), "nan is no number"),
        (("--commits-a-day", "inf"), "inf is no number"),
        (("--utilisation", "nan"), "nan is no number"),
        (("--export-seconds", "nan"), "nan is no number"),
        (("--commits-a-day", "0"), "give commits or retrainings"),
        (("--models-per-commit", "101"), "models per commit"),
        (("--model", "a.onnx", "--mix", "b.yaml"), "exclude each other"),
        (("--model", "nothing.onnx"), "there is no such file"),
        (("--mix", "nothing.yaml"), "cannot be read"),
        (("--released", "2"), "--released"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(here: Here, arguments: tuple[str, ...], says: str) -> None:
    code, out, err = here(*FEW, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_a_file_and_a_mix_of_files_are_estimated(here: Here, tmp_path: Path) -> None:
    onnx.save(_model(), tmp_path / "own.onnx")
    (tmp_path / "mix.yaml").write_text(
        "models:\n- {model: own.onnx, share: 3}\n- {model: own.onnx, share: 1, batch: 4}\n"
    )
    one = object_of(here(*ON_310P, "--model", str(tmp_path / "own.onnx"), "--json")[1])["models"]
    assert [(kind["name"], kind["batch"]) for kind in one] == [("own.onnx", 16)]
    two = object_of(here(*ON_310P, "--mix", str(tmp_path / "mix.yaml"), "--json")[1])["models"]
    assert [(kind["share"], kind["batch"]) for kind in two] == [(0.75, 16), (0.25, 4)]


def test_progress_is_told_only_of_what_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    tell = scale._Progress(silent=False)
    tell(1, 10)
    now[0] = 103.0
    tell(2, 10)
    tell(3, 10)
    assert capsys.readouterr().err == "  simulated 2 of 10 candidates ...\n"
    silent = scale._Progress(silent=True)
    now[0] = 200.0
    silent(4, 10)
    assert not capsys.readouterr().err


def _model() -> onnx.ModelProto:
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 64]) for name in "xy"]
    graph = onnx.helper.make_graph([node], "own", values[:1], values[1:])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
