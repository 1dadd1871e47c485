"""`ascend draft` and `ascend copilot`, with and without a language model."""

import json
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from copilot_cases import model
from copilot_server import CopilotServer, Reply, copilot_server, says

from ascend_assets import models
from ascend_assets.cli.commands import run

SENTENCE = "帮我把 YOLOv8 转成 Ascend 910 模型,精度不能掉"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    for name in ("URL", "MODEL", "KEY_ENV"):
        monkeypatch.delenv(f"ASCEND_COPILOT_{name}", raising=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CopilotServer]:
    with copilot_server() as made:
        for name, value in made.environ().items():
            monkeypatch.setenv(name, value)
        yield made


def test_without_a_copilot_rules_draft_and_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draft", SENTENCE]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("# A draft for a person to review")
    assert "no language model was asked" in said.err
    assert "to decide: 'Ascend 910' can mean several cards" in said.err


def test_a_draft_is_a_file_that_loads(tmp_path: Path) -> None:
    folder = tmp_path / "yolov8"
    folder.mkdir()
    assert run(["draft", SENTENCE, "--soc", "Ascend910B3", "-o", str(folder / "defs.yaml")]) == 0
    assert models.load(folder).targets[0].soc_version == "Ascend910B3"
    assert [path.name for path in folder.iterdir()] == ["defs.yaml"]


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text("mine")
    assert run(["draft", SENTENCE, "-o", str(path)]) == 2
    assert path.read_text() == "mine"
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--soc", "Ascend999"], ["--name", "../x"], ["--onnx", "none.onnx"]])
def test_what_cannot_be_is_said_in_a_line(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["draft", SENTENCE, *more]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_inputs_come_from_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(model(given="pixels"), tmp_path / "a.onnx")
    assert run(["draft", SENTENCE, "--onnx", str(tmp_path / "a.onnx"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "name: pixels" in found["draft"]
    assert found["read_by"] == "rules"
    assert "Ascend910B1" in found["to_decide"][0]["choices"]


def test_a_configured_model_is_asked_unless_rules_are_enough(
    server: CopilotServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.reply = says({"soc": ["Ascend910B2"]})
    assert run(["draft", SENTENCE, "--rules-only", "--json"]) == 0
    assert not server.sent
    assert run(["draft", SENTENCE, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["read_by"] == "a-model"
    assert "soc_version: Ascend910B2" in found["draft"]


def test_the_state_says_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["copilot", "state", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"configured": False}
    assert run(["copilot", "state", "--try"]) == 2


def test_the_state_says_what_was_spent_and_never_the_key(
    server: CopilotServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASCEND_COPILOT_KEY_ENV", "MY_KEY")
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    server.reply = says({"ready": True}, tokens=500)
    assert run(["copilot", "state", "--try"]) == 0
    assert run(["copilot", "state", "--json"]) == 0
    said = capsys.readouterr().out
    found = json.loads(said.splitlines()[-1])
    assert found["tokens_today"] == 500
    assert found["key"] == "given"
    assert "sk-very-secret" not in said


def test_an_endpoint_that_refuses_is_exit_code_2(server: CopilotServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.reply = Reply(401)
    assert run(["copilot", "state", "--try"]) == 2
    assert "is the key right" in capsys.readouterr().err


def test_a_wrong_setting_is_exit_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ASCEND_COPILOT_URL", "http://models.example/v1")
    monkeypatch.setenv("ASCEND_COPILOT_MODEL", "m")
    assert run(["copilot", "state"]) == 2
    assert "ASCEND_COPILOT_URL: http would show the key" in capsys.readouterr().err


def test_options_are_proposed_and_judged(
    server: CopilotServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.save(model(), tmp_path / "a.onnx")
    server.reply = says({"options": {"precision_mode": "allow_mix_precision"}, "why_en": "x", "why_zh": "y"})
    assert run(["copilot", "options", str(tmp_path / "a.onnx"), "--soc", "Ascend910B3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["options"]["precision_mode"] == "allow_mix_precision"
    assert set(found["after"]) == {"admissible_in_dev", "refused", "latency_ms"}
