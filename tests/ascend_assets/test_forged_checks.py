"""Whoever reaches Dagster's webserver can report that a check passed, or that an asset was made. Nothing comes of it.

Every test tries to get a refused candidate released, in its own way, by the real webserver; and after every test the
store's releases and ledgers are, to the byte, what they were before.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forging import Scene, laid_out, upstream

from ascend_assets import history
from ascend_assets.walk import key_of

pytestmark = pytest.mark.timeout(900)

PRECISION = ("tiny", "Ascend310P3", "precision")
FAILED = "overflow_layers"
REPORTED = "last reported from outside, by no run"
CHECK_REPORTED = f"check {FAILED} on tiny/Ascend310P3/precision was {REPORTED}"
_EVALUATED = """
query Evaluated($asset: AssetKeyInput!, $check: String!) {
  assetCheckExecutions(assetKey: $asset, checkName: $check, limit: 1) { status evaluation { success } }
}"""
_WIPE = """
mutation Wipe($ranges: [PartitionsByAssetSelector!]!) {
  wipeAssets(assetPartitionRanges: $ranges) { __typename }
}"""


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with laid_out(tmp_path_factory.mktemp("forged")) as scene:
        yield scene


@pytest.fixture
def scene(laid: Scene) -> Iterator[Scene]:
    """The refused candidate, freshly built and judged, so that no test sees what another one forged."""
    laid.build()
    yield laid
    assert laid.published() == laid.kept, "what is released and deployed is as it was"


def test_everything_is_there_but_one_gate_failed(scene: Scene) -> None:
    """What all attacks begin with: a dossier of the refused candidate, whole and fresh."""
    held, dossier = scene.held(), key_of(scene.sandbox.spec, "dossier")
    assert held[dossier].record != scene.good[dossier].record
    said = scene.click("tiny/release")
    assert f"check {FAILED} on tiny/Ascend310P3/precision failed" in said
    assert "mixture" not in said
    assert "stale" not in said
    assert [key for key in scene.kept if "releases" in key] == ["models/tiny/releases/1.0.0.json"]


def test_a_forged_check_is_shown_by_dagster_and_not_believed(scene: Scene) -> None:
    scene.webserver.report_check("/".join(PRECISION), FAILED, severity="WARN")
    assert shown(scene) == {"status": "SUCCEEDED", "evaluation": {"success": True}}
    assert CHECK_REPORTED in scene.click("tiny/release")
    assert FAILED in scene.run("tiny_regate"), "judged again"
    assert shown(scene) == {"status": "FAILED", "evaluation": {"success": False}}, "which is shown, too"


def test_all_checks_forged_release_nothing(scene: Scene) -> None:
    scene.forge_all_checks()
    said = scene.click("tiny/release")
    assert said.count(REPORTED) >= 20
    assert FAILED in scene.run()


def test_the_command_line_refuses_too(scene: Scene) -> None:
    scene.forge_all_checks()
    code, said = scene.ascend("status", "tiny", "--json")
    assert code == 0
    gates = {stage["stage"]: stage["gates"] for stage in json.loads(said)["models"][0]["stages"]}
    assert FAILED in gates["Ascend310P3/precision"], "what no run said counts for none"
    assert "passed" not in gates["Ascend310P3/precision"]
    code, said = scene.ascend("release", "tiny")
    assert code == 1
    assert FAILED in said


@pytest.mark.parametrize("asset", [PRECISION, ("tiny", "dossier")])
def test_an_older_record_in_one_place_is_a_mixture_whoever_put_it_there(scene: Scene, asset: tuple[str, ...]) -> None:
    """A record of the good candidate, digest and all, is said to be what the asset holds."""
    scene.forge(asset, scene.good[asset])
    scene.forge_all_checks()
    assert f"{'/'.join(asset)} was {REPORTED}" in scene.click("tiny/release")
    assert REPORTED in scene.run("tiny_regate")


def test_a_dossier_of_a_mixture_is_refused(scene: Scene) -> None:
    """The forged evidence is made honest by a run: somebody has the dossier made of it."""
    scene.forge(PRECISION, scene.good[PRECISION])
    scene.sandbox.materialise("tiny/dossier")
    said = scene.run("tiny_regate")
    assert "chain" in said, "the evidence is about another artefact"


def test_all_records_of_the_good_candidate_bring_nothing_back(scene: Scene) -> None:
    """It was released once, and fits in itself; who wants it again has it built again."""
    for asset in upstream(scene.sandbox):
        scene.forge(asset, scene.good[asset])
    scene.forge_all_checks()
    assert REPORTED in scene.click("tiny/release", "tiny/dev/deployment")
    assert REPORTED in scene.run("tiny_regate")


def test_work_of_another_key_is_not_reused(scene: Scene) -> None:
    """A candidate looks for earlier work by its key; a forged key leads to a record that knows its own."""
    mine = scene.held()[PRECISION]
    scene.forge(PRECISION, scene.good[PRECISION], **{history.STAGE_KEY: mine.stage_key})
    assert FAILED in scene.run()
    assert scene.held()[PRECISION].record == mine.record


def test_records_that_are_none_stop_no_candidate(scene: Scene) -> None:
    mine = scene.held()[PRECISION]
    for record in ("../../../../etc/passwd", "0" * 64, "", "not a digest\n"):
        scene.forge(PRECISION, mine, **{history.RECORD: record})
    assert REPORTED in scene.click("tiny/release")
    assert FAILED in scene.run(), "it is built and judged as ever"


def test_what_is_reported_of_deployments_deploys_nothing(scene: Scene) -> None:
    live = scene.held()[key_of(scene.sandbox.spec, "deployment", "dev")]
    for environment in ("staging", "prod"):
        asset = ("tiny", environment, "deployment")
        scene.forge(asset, live, version="9.9.9")
        for name in ("approvals", "admissibility", "health"):
            scene.webserver.report_check("/".join(asset), name)
    code, said = scene.ascend("promote", "tiny", "--to", "prod", "--reason", "it says that it may")
    assert code == 2
    assert "no release of tiny is live in staging" in said
    code, said = scene.ascend("promote", "tiny", "--to", "prod", "--version", "9.9.9", "--reason", "as shown")
    assert code == 2
    assert "9.9.9" in said


def test_wiping_the_past_leaves_nothing_to_release(scene: Scene) -> None:
    ranges = [{"assetKey": {"path": list(asset)}} for asset in upstream(scene.sandbox)]
    assert scene.webserver.ask(_WIPE, ranges=ranges)["wipeAssets"]["__typename"] == "AssetWipeSuccess"
    scene.forge_all_checks()
    assert "never been made" in scene.click("tiny/release")


def test_what_a_reviewer_signs_and_reads_does_not_change(scene: Scene, tmp_path: Path) -> None:
    """The page and the statement come from the store, by digest; Dagster's records have no say in them."""
    before = read_by_a_reviewer(scene, tmp_path / "before")
    scene.forge_all_checks()
    for asset in upstream(scene.sandbox):
        scene.forge(asset, scene.held()[asset], candidate="20260101-0000-git-000000000000")
    assert read_by_a_reviewer(scene, tmp_path / "after") == before


def read_by_a_reviewer(scene: Scene, statement: Path) -> tuple[str, str, bytes]:
    """What is shown of the release, the digest that is signed for, and the dossier's bytes."""
    code, said = scene.ascend("show", "tiny/1.0.0")
    assert code == 0, said
    release = scene.sandbox.store.registry().get("tiny", "1.0.0")
    code, signed = scene.ascend(
        *("approve", "tiny", "--version", "1.0.0", "--env", "prod", "--reason", "I read it"),
        *("--statement", str(statement)),
    )
    assert code == 0, signed
    digest = json.loads(statement.read_bytes())["release_digest"]
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    return said, digest, scene.sandbox.store.blobs().read(release.dossier)


def shown(scene: Scene) -> Any:
    """What Dagster's UI shows of the check that failed."""
    (found,) = scene.webserver.ask(_EVALUATED, asset={"path": list(PRECISION)}, check=FAILED)["assetCheckExecutions"]
    return found
