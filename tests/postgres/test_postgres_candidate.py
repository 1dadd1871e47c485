"""A whole candidate by the command line, with Dagster's records in a real PostgreSQL."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from dagster_postgres.event_log import PostgresEventLogStorage
from installation import commit, model_folder, write_model
from sandbox import Checkout

from ascend_assets import history

pytestmark = pytest.mark.timeout(1500)

WITHIN = 480


def run(checkout: Checkout, *arguments: str) -> tuple[int, str, str]:
    done = checkout.ascend(*arguments, timeout=WITHIN)
    return done.returncode, done.stdout, done.stderr


def gates(checkout: Checkout) -> dict[str, str]:
    _, said, _ = run(checkout, "status", "tiny", "--json")
    return {stage["stage"]: stage["gates"] for stage in json.loads(said)["models"][0]["stages"]}


def released(checkout: Checkout) -> list[str]:
    _, said, _ = run(checkout, "model", "list", "tiny", "--json")
    return [release["version"] for release in json.loads(said)["releases"]]


def test_candidates_walk_are_reused_refused_and_shown(checkout: Checkout, instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
    code, said, wrong = run(checkout, "run", "tiny", "--json")
    assert code == 0, wrong
    first = json.loads(said)
    assert first["deployed"]
    page = Path(str(checkout.root / ".ascend" / "dossiers" / "tiny" / f"{first['candidate']}.html"))
    assert "<html" in page.read_text()
    made = history.latest(instance, ("tiny", "dossier"))
    assert made is not None
    assert made.candidate == first["candidate"]
    assert all("stale" not in said for said in gates(checkout).values())

    code, said, wrong = run(checkout, "run", "tiny", "--json")
    assert code == 0, wrong
    assert json.loads(said)["recomputed"] == [], "earlier work is found by its key"

    write_model(checkout.root, "tiny", seed=1, scale=1e6)
    commit(checkout.root, "overflows")
    assert run(checkout, "run", "tiny")[0] == 1
    assert "overflow_layers" in gates(checkout)["Ascend310P3/precision"]
    assert run(checkout, "release", "tiny")[0] == 1
    assert released(checkout) == ["1.0.0"]
    assert not list(checkout.root.rglob("*.db")), "nothing of SQLite is left anywhere"


def test_two_models_are_built_at_once(checkout: Checkout, instance: dg.DagsterInstance) -> None:
    write_model(checkout.root, "other")
    commit(checkout.root, "another model")
    assert model_folder(checkout.root, "other").is_dir()
    with ThreadPoolExecutor() as both:
        ended = list(both.map(lambda name: run(checkout, "run", name, "--json"), ("tiny", "other")))
    for code, _, wrong in ended:
        assert code == 0, wrong
    runs = instance.get_runs()
    assert sorted(each.tags[history.MODEL_TAG] for each in runs) == ["other", "tiny"]
    assert {each.status for each in runs} == {dg.DagsterRunStatus.SUCCESS}
    for model in ("other", "tiny"):
        made = history.latest(instance, (model, "source"))
        assert made is not None
        assert made.run_id == next(each.run_id for each in runs if each.tags[history.MODEL_TAG] == model)
