"""Verdicts as an admission recorded them: are they about this release, and do they bear out what they admit to?

Here belongs what can still be checked when the world that they were judged in has gone. Not here: judging anew
(`judge_all.py`), or whether all requirements were met (`admission.py`).
"""

from pydantic import ValidationError

from ascend_assets.environments import Environment
from ascend_assets.gates.admission import Judged
from ascend_assets.gates.verdict import Verdict, holds
from resources.digests import sha256_bytes
from resources.registry.admissions import Admission
from resources.registry.released import Released
from resources.registry.releases import Release

_COMPARED = frozenset({"latency_regression"})
"""Criteria with a value for each environment, of which a verdict keeps the worst: it says nothing of the others."""


class NotOfThisRelease(Exception):
    """A recorded verdict that is about something else, or against its own figures."""


def judged(found: Released, policy: Environment, decided: Admission) -> dict[str, Judged]:
    """An admission's verdicts, given to the models that they are about. Raises `NotOfThisRelease`."""
    verdicts = [_verdict(policy, one) for one in decided.verdicts]
    placed = set[int]()
    by_model = {}
    for release in found.releases:
        mine = [i for i, verdict in enumerate(verdicts) if verdict.subject in subjects(release, verdict.target)]
        by_model[release.model] = Judged(tuple(verdicts[i] for i in mine))
        placed.update(mine)
    for i, verdict in enumerate(verdicts):
        if i not in placed:
            raise NotOfThisRelease(
                f"the verdict on {verdict.criterion} is about {verdict.subject[:12]}, which is no part of the release"
            )
    return by_model


def subjects(release: Release, target: str) -> frozenset[str]:
    """Digests that a verdict on a release, or on one target of it, may be about.

    Those of the model as a whole are about its source or its ONNX; the latter by `records.OnnxRecord.data_version`.
    """
    if target:
        return frozenset({release.targets[target].om.sha256} if target in release.targets else ())
    whole = {release.source, release.onnx.sha256}
    if release.evaluation:
        whole.add(sha256_bytes(f"{release.onnx.sha256} {release.evaluation.sha256}".encode()))
    return frozenset(whole)


def _verdict(policy: Environment, told: object) -> Verdict:
    try:
        verdict = Verdict.model_validate(told)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise NotOfThisRelease(f"no verdict: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
    if policy.name in verdict.admits and not _bears_out(verdict, policy):
        raise NotOfThisRelease(
            f"the verdict on {verdict.criterion} admits to {policy.name} against its own figures or origin"
        )
    return verdict


def _bears_out(verdict: Verdict, policy: Environment) -> bool:
    if not verdict.judged or verdict.value is None:
        return verdict.criterion in policy.may_stay_unjudged
    if verdict.criterion in _COMPARED:
        return verdict.origin in policy.origins or verdict.criterion in policy.may_stay_unjudged
    limit = verdict.limits.get(policy.name)
    return verdict.origin in policy.origins and limit is not None and holds(verdict.value, verdict.sense, limit)
