"""From an evaluation of a check to a notice.

Here belongs which check is told as what. Blocking checks are not told one by one: they end their run, and that is told
(`runs.py`). Not here: reading the event log (`gathering.py`).
"""

from dataclasses import dataclass

import dagster as dg

from ascend_assets import deployments, history
from ascend_assets.notices.kinds import KINDS
from ascend_assets.notices.said import said
from resources.notify.notice import Notice, Severity, State, notice

PRODUCTION = frozenset({"drift", "metrics", "production"})
"""Assets `[model, ...]` whose checks fail with severity WARN where nobody could judge: that begins and ends nothing."""
METRICS = {"error_rate": "error_rate", "load_time": "slow_load"}
"""Checks on `[model, "metrics"]` that are kinds of their own."""
APPROVALS = "approvals"


@dataclass(frozen=True)
class Seen:
    """One evaluation as the event log holds it. `storage_id` is its place there; `at` unix seconds."""

    evaluation: dg.AssetCheckEvaluation
    storage_id: int
    at: float
    run_id: str


def notices(seen: Seen) -> tuple[Notice, ...]:
    """What an evaluation tells. That something is over is said of whatever passes: the outbox knows what had begun."""
    if seen.evaluation.blocking:
        return ()
    asset = tuple(seen.evaluation.asset_key.path)
    if deployments.is_deployment(asset):
        return _deployment(seen, asset)
    if asset[-1] in PRODUCTION and len(asset) == 2:  # noqa: PLR2004 - model and name
        return _production(seen, asset)
    return (_check(seen, _state(seen)),)


def _state(seen: Seen) -> State:
    return "over" if seen.evaluation.passed else "begun"


def _severity(seen: Seen) -> Severity:
    return "error" if seen.evaluation.severity == dg.AssetCheckSeverity.ERROR else "warning"


def _check(seen: Seen, state: State) -> Notice:
    asset, name = "/".join(seen.evaluation.asset_key.path), seen.evaluation.check_name
    return _notice(seen, "check_failed", _severity(seen), state, f"{asset}:{name}")


def _deployment(seen: Seen, asset: tuple[str, ...]) -> tuple[Notice, ...]:
    """Only what is live can be wrong; what is missing for the next release is told where signatures are missing."""
    failed = not seen.evaluation.passed
    broken = failed and seen.evaluation.severity == dg.AssetCheckSeverity.ERROR
    found = [_check(seen, "begun" if broken else "over")]
    if seen.evaluation.check_name == APPROVALS:
        waits = failed and not broken and "waiting" in seen.evaluation.metadata
        found.append(_signatures(seen, asset, "begun" if waits else "over"))
    return tuple(found)


def _signatures(seen: Seen, asset: tuple[str, ...], state: State) -> Notice:
    mark = seen.evaluation.metadata.get(history.MARK)
    return _notice(
        seen,
        "signatures",
        KINDS["signatures"].severity,
        state,
        "/".join(asset[:2]),
        version=str(mark.value)[:100] if mark else "",
        environment=asset[1],
    )


def _production(seen: Seen, asset: tuple[str, ...]) -> tuple[Notice, ...]:
    name, evaluation = seen.evaluation.check_name, seen.evaluation
    if not evaluation.passed and evaluation.severity != dg.AssetCheckSeverity.ERROR:
        return ()
    if asset[-1] == "drift":
        return (_notice(seen, "drift", KINDS["drift"].severity, _state(seen), f"{asset[0]}:{name}"),)
    if asset[-1] == "metrics" and name in METRICS:
        kind = METRICS[name]
        return (_notice(seen, kind, KINDS[kind].severity, _state(seen), asset[0]),)
    return (_check(seen, _state(seen)),)


def _notice(
    seen: Seen, kind: str, severity: Severity, state: State, subject: str, *, version: str = "", **facts: str
) -> Notice:
    path = seen.evaluation.asset_key.path
    own = {
        "model": path[0],
        "asset": "/".join(path),
        "check": seen.evaluation.check_name,
        "why": said(seen.evaluation.description or "it did not say why"),
    }
    return notice(
        kind,
        severity,
        state,
        subject,
        cause=str(seen.storage_id),
        at=seen.at,
        group=path[0],
        version=version,
        facts={**own, **facts},
    )
