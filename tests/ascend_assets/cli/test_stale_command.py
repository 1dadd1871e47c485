"""`ascend stale` in a real checkout, before and after the toolchain became another one; and how rebuilds end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from project_fixtures import make_checkout
from sandbox import Checkout

from ascend_assets.cli import stale as command
from ascend_assets.cli.console import Refused
from ascend_assets.cli.stale import Built, Found
from ascend_assets.operations.stale import CANDIDATE, Compiled, matrix
from resources.ascend.toolchain import ToolchainIdentity
from resources.locks import ModelBusy

Here = Callable[..., tuple[int, str, str]]
TABLE = "resources/ascend/tables/published_throughput.csv"
"""A file that the emulator's version is taken of."""
NEW = ToolchainIdentity(name="cann", version="7.7.0.1.238", cann="8.1.RC1", origin="measured")
OLD = ToolchainIdentity(name="cann", version="7.6.0.1.220", cann="8.0.0", origin="measured")


def object_of(text: str) -> dict[str, Any]:
    (line,) = text.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_stale_models_are_listed_and_built_again(tmp_path: Path) -> None:
    """One story, for every step of it is a process."""
    checkout: Checkout = make_checkout(tmp_path / "checkout")
    assert checkout.ascend("run", "tiny").returncode == 0
    before = object_of(checkout.ascend("stale", "--json").stdout)
    assert (before["stale"], before["to_rebuild"]) == (0, [])
    assert {(one["where"], one["state"]) for one in before["compiled"]} == {
        ("candidate", "current"),
        ("dev", "current"),
    }
    table = checkout.root / TABLE
    table.write_text(table.read_text() + "\n")
    listed = checkout.ascend("stale", COLUMNS="200")
    assert listed.returncode == 1
    assert "to build again: tiny" in listed.stdout
    assert "2 of 2 compiled models are stale: ascend stale --rebuild" in listed.stderr
    built = object_of(checkout.ascend("stale", "--rebuild", "--json").stdout)
    (one,) = built["rebuilt"]
    assert (one["model"], one["deployed"], one["environment"]) == ("tiny", True, "dev")
    after = object_of(checkout.ascend("stale", "tiny", "--json").stdout)
    assert (after["stale"], after["to_rebuild"]) == (0, [])


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What is compiled: model -> the toolchain of its candidate."""

    def say(**models: ToolchainIdentity) -> None:
        rows = [Compiled(name, "Ascend310P3", CANDIDATE, "c", made_by) for name, made_by in models.items()]
        monkeypatch.setattr(command, "_look", lambda _names: Found(NEW, matrix(rows, NEW), ("other: a broken ledger",)))

    return say


def test_a_plan_builds_nothing(here: Here, found: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    found(a=OLD, b=NEW)
    monkeypatch.delattr(command, "_built")
    code, out, err = here("stale", "--rebuild", "--dry-run")
    assert code == 0
    assert "would build again: a\n" in out
    assert "not read: other: a broken ledger" in err
    assert json.loads(here("stale", "--rebuild", "--dry-run", "--json")[1])["to_rebuild"] == ["a"]


def test_one_refusal_stops_no_other_rebuild(
    here: Here, found: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    found(a=OLD, b=OLD, c=OLD)
    ends = {
        "a": Built("a", {"model": "a"}, "cosine_similarity: too low", refused=True),
        "b": Built("b", {"model": "b"}, "locked"),
        "c": Built("c", {"model": "c", "deployed": True}),
    }
    monkeypatch.setattr(command, "_built", lambda name, **_: ends[name])
    code, out, err = here("stale", "--rebuild", "--json")
    assert code == 1
    assert [one["model"] for one in json.loads(out)["rebuilt"]] == ["a", "b", "c"]
    assert "not built: a: cosine_similarity: too low; b: locked" in err
    found(b=OLD)
    assert here("stale", "--rebuild")[0] == 2


@pytest.mark.parametrize(
    ("error", "refused"), [(Refused("a gate said no"), True), (ModelBusy("tiny", None), False)], ids=["gate", "lock"]
)
def test_why_a_model_was_not_built_is_kept(monkeypatch: pytest.MonkeyPatch, error: Exception, refused: bool) -> None:  # noqa: FBT001
    def opened(_model: str, _commit: str, _hub: str = "") -> None:
        raise error

    monkeypatch.setattr("ascend_assets.cli.session.opened", opened)
    built = command._built("tiny", as_json=True)
    assert (built.model, built.error, built.refused) == ("tiny", str(error), refused)


def test_where_nothing_is_stale_nothing_is_built(here: Here, found: Callable[..., None]) -> None:
    found(a=NEW)
    code, out, _ = here("stale", "--rebuild")
    assert (code, out) == (0, "nothing is stale that can be built here\n")
    assert here("stale")[0] == 0
    found()
    assert "nothing is compiled yet" in here("stale")[1]


def test_what_makes_no_sense_is_refused(here: Here, world: object) -> None:
    del world
    code, _, err = here("stale", "--dry-run")
    assert code == 2
    assert "--dry-run goes with --rebuild" in err
    code, _, err = here("stale", "nothing")
    assert code == 2
    assert "no model 'nothing'; there are: none" in err
