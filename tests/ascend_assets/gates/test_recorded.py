"""Verdicts of an admission: about this release, and borne out by their own figures."""

from pathlib import Path
from typing import Any

import pytest
from governed import release

from ascend_assets.environments import Environment
from ascend_assets.gates import recorded
from ascend_assets.gates.recorded import NotOfThisRelease
from resources.digests import sha256_bytes
from resources.registry.admissions import Admission
from resources.registry.ledger import Kind
from resources.registry.released import Released
from resources.registry.releases import Release
from resources.store.blobs import Blobs, FolderStore

PROD = Environment(name="prod", evidence=("measured",), may_stay_unjudged=("cve_high", "latency_regression"))


@pytest.fixture
def made(tmp_path: Path) -> Release:
    return release(Blobs(FolderStore(tmp_path)))


def verdict(made: Release, **changes: Any) -> dict[str, Any]:
    target = next(iter(made.targets))
    own = {
        "criterion": "cosine_similarity",
        "target": target,
        "passed": True,
        "judged": True,
        "value": 0.999,
        "sense": ">=",
        "limits": {"prod": 0.99},
        "admits": ["prod"],
        "why": "close",
        "origin": "measured",
        "subject": made.targets[target].om.sha256,
    }
    return own | changes


def decided(made: Release, *verdicts: dict[str, Any]) -> Admission:
    return Admission(
        model=made.model,
        version=made.version,
        release_digest=made.digest,
        environment="prod",
        kind=Kind.DEPLOY,
        live=None,
        policy_digest=PROD.digest,
        requirements=(),
        verdicts=verdicts,
        at=made.created_at,
    )


def judged(made: Release, *verdicts: dict[str, Any]) -> int:
    found = recorded.judged(Released(made, (made,)), PROD, decided(made, *verdicts))
    return len(found[made.model].verdicts)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"value": 0.5, "admits": []},
        {"origin": "emulated", "admits": []},
        {"criterion": "cve_high", "judged": False, "value": None},
        {"criterion": "latency_regression", "value": 0.1},
    ],
    ids=["kept", "refused", "emulated", "tolerated", "worst of all environments"],
)
def test_a_verdict_that_bears_out_what_it_admits_to_counts(made: Release, changes: dict[str, Any]) -> None:
    assert judged(made, verdict(made, **changes)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 0.989},
        {"value": "NaN"},
        {"value": "Infinity"},
        {"origin": "emulated"},
        {"limits": {"dev": 0.9}},
        {"judged": False, "value": None},
        {"value": None},
    ],
    ids=["limit", "NaN", "infinity", "origin", "no limit", "not judged", "no value"],
)
def test_a_verdict_against_its_own_figures_does_not(made: Release, changes: dict[str, Any]) -> None:
    with pytest.raises(NotOfThisRelease, match="cosine_similarity admits to prod against its own figures"):
        judged(made, verdict(made, **changes))


@pytest.mark.parametrize("changes", [{"subject": "0" * 64}, {"target": "Ascend910B"}, {"target": ""}])
def test_a_verdict_about_something_else_does_not(made: Release, changes: dict[str, Any]) -> None:
    with pytest.raises(NotOfThisRelease, match="no part of the release"):
        judged(made, verdict(made, **changes))


def test_what_is_no_verdict_is_named(made: Release) -> None:
    with pytest.raises(NotOfThisRelease, match="no verdict: criterion"):
        judged(made, {"passed": True})


def test_a_model_as_a_whole_is_its_source_or_its_onnx(made: Release) -> None:
    assert recorded.subjects(made, "") == {made.source, made.onnx.sha256}
    evaluated = made.model_copy(update={"evaluation": made.onnx})
    joint = sha256_bytes(f"{made.onnx.sha256} {made.onnx.sha256}".encode())
    assert recorded.subjects(evaluated, "") == {made.source, made.onnx.sha256, joint}
    assert recorded.subjects(made, "Ascend910B") == frozenset()


def test_members_of_a_bundle_get_their_own(made: Release, tmp_path: Path) -> None:
    other = release(Blobs(FolderStore(tmp_path)), 1).model_copy(update={"model": "encoder"})
    found = recorded.judged(
        Released(made, (other, made)), PROD, decided(made, verdict(made), verdict(other), verdict(other, value=1.0))
    )
    assert {model: len(judged.verdicts) for model, judged in found.items()} == {"encoder": 2, "digits": 1}
