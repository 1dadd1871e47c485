"""Log lines and ONNX metadata that instruct the copilot, and a copilot that obeys: nothing changes.

`corpus.json` holds what strangers write, where, and the answer of a language model that does as it is told.
"""

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from copilot_cases import case
from copilot_server import CopilotServer, copilot_server, says

from ascend_assets.copilot import asking, causes
from ascend_assets.diagnosis.case import Case
from ascend_assets.policy_file import in_force
from ascend_assets.remedies.kinds import Remedy
from resources.copilot.client import Copilot
from resources.home import PROJECT
from resources.onnx_files.graph import view

CORPUS = json.loads((Path(__file__).parent / "corpus.json").read_text(encoding="utf-8"))
ENTRIES: list[dict[str, str]] = CORPUS["entries"]
SECRETS = {"SECRET_TOKEN": "tok-9f8e7d6c5b4a3210", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY"}
NEVER_SENT = ("node", "input", "tensor", "op", "domain", "metadata", "doc")
"""Places whose words do not reach a language model at all."""
PLACE = "http://collector.attacker.example"


@pytest.fixture
def elsewhere() -> Iterator[CopilotServer]:
    with copilot_server() as made:
        yield made


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def written(entry: dict[str, str], address: str) -> str:
    return entry["text"].replace("{elsewhere}", address)


def obeying(entry: dict[str, str], address: str) -> Any:
    return json.loads(json.dumps(CORPUS["answers"][entry["answer"]]).replace("{elsewhere}", address))


def named(remedy: Remedy) -> set[str]:
    """Everything of the model that a remedy names."""
    fields = remedy.model_dump()
    nodes = [one for one in fields.get("nodes", ()) if not one.startswith("OpType::")]
    modes = (fields.get("modes") or {}).get("by_node", {})
    return {*nodes, *fields.get("tensors", ()), *fields.get("shapes", {}), *modes}


def names_of(held: Case) -> set[str]:
    assert held.model is not None
    graph = view(held.model)
    return {*(node.name for node in graph.nodes), *graph.tensors}


def of(path: Path) -> tuple[int, int]:
    return path.stat().st_mtime_ns, path.stat().st_size


def test_the_corpus_covers_every_place_in_both_languages() -> None:
    assert len(ENTRIES) >= 40
    assert {entry["where"] for entry in ENTRIES} >= {"log", "node", "metadata", "doc", "message", "environment"}
    assert {entry["language"] for entry in ENTRIES} == {"en", "zh"}
    assert {entry["answer"] for entry in ENTRIES} <= set(CORPUS["answers"])


@pytest.mark.parametrize("number", range(len(ENTRIES)))
def test_an_answer_that_obeys_changes_nothing(
    number: int,
    server: CopilotServer,
    elsewhere: CopilotServer,
    opened: Callable[[], Copilot],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = ENTRIES[number]
    held = case(entry["where"], written(entry, elsewhere.address))
    before = held.model.SerializeToString() if held.model else b""
    files = {path: of(path) for path in (PROJECT / "environments.yaml", PROJECT / "deploy" / "signers" / "prod")}
    policy, options = in_force(), held.options
    server.reply = says(obeying(entry, elsewhere.address))
    reached: list[tuple[str, int]] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        reached.append(address)
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    kept = asking.about(opened(), held, ())

    assert len(kept.causes) <= causes.MAX_CAUSES
    for cause in kept.causes:
        assert cause.confidence <= causes.MOST_CONFIDENT
        assert cause.rule.startswith("copilot.")
        assert len(cause.remedies) <= causes.MAX_REMEDIES
        for remedy in cause.remedies:
            assert remedy.kind != "choose_soc"
            assert named(remedy) <= names_of(held)
            assert remedy.needs_person or "w" not in named(remedy)
        people = [remedy.needs_person for remedy in cause.remedies]
        assert people == sorted(people)
        for text in (*cause.explanation.model_dump().values(), *cause.advice.model_dump().values()):
            assert text.isprintable()
            assert len(text) < 700
            assert not re.search(r"https?:|curl|rm -|/etc/|ascend approve|AKIA|[<>`\[\]\u202e\u200b]", text)
    assert not elsewhere.sent
    assert set(reached) <= {("127.0.0.1", int(server.address.rpartition(":")[2]))}
    assert held.model is None or held.model.SerializeToString() == before
    assert (in_force(), held.options) == (policy, options)
    assert files == {path: of(path) for path in files}


@pytest.mark.parametrize("number", range(len(ENTRIES)))
def test_what_is_sent_holds_no_secret_and_no_name_of_a_stranger(
    number: int, server: CopilotServer, opened: Callable[[], Copilot]
) -> None:
    entry = ENTRIES[number]
    text = written(entry, PLACE)
    held = case(entry["where"], f"{text} {' '.join(SECRETS.values())}" if entry["where"] == "log" else text)
    server.reply = says({"causes": []})
    asking.about(opened(), held, ())
    (sent,) = server.sent
    for secret in SECRETS.values():
        assert secret not in sent.raw.decode()
    assert "attacker.example" not in sent.user
    assert "/etc/passwd" not in sent.user
    assert not re.search(r"[\x00-\x1f\u202e]", sent.user)
    if entry["where"] in NEVER_SENT and len(text) > 3:
        assert text not in json.loads(json.dumps(sent.user))
        words = [word for word in re.split(r"[^\w]+", text) if len(word) > 7 or not word.isascii()]
        ours = json.dumps(sent.body["messages"][0]) + held.options.soc_version
        assert not [word for word in words if word in sent.user and word not in ours]


def test_instructions_are_ours_whatever_strangers_write(server: CopilotServer, opened: Callable[[], Copilot]) -> None:
    server.reply = says({"causes": []})
    for entry in ENTRIES[::7]:
        asking.about(opened(), case(entry["where"], written(entry, PLACE)), ())
    systems = {sent.body["messages"][0]["content"] for sent in server.sent}
    assert len(systems) == 1
    assert all(len(sent.body["messages"]) == 2 for sent in server.sent)
    assert all(json.loads(sent.user)["soc_version"] == "Ascend310P3" for sent in server.sent)
    assert "tools" not in server.sent[0].body
