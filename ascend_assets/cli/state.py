"""What every model's stages and gates are at, read from the event log and the ledgers.

Here belongs gathering it for `ascend status`. Not here: printing.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster import DagsterInstance

from ascend_assets import checks, history, models
from ascend_assets.cli import session
from ascend_assets.cli.console import Unusable
from ascend_assets.policy_file import in_force
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Stage
from ascend_assets.walk import key_of, stages
from resources.configurable import Warehouse


def read(defs: Path, only: str | None) -> list[dict[str, Any]]:
    """One entry per model. Raises `Unusable` for a model that there is not."""
    good, bad = models.load_all(defs)
    names = sorted({*good, *bad})
    if only is not None and only not in names:
        raise Unusable(f"no model {only!r}; there are: {', '.join(names) or 'none'}")
    with session.instance() as instance:
        return [
            _good(instance, good[name]) if name in good else _bad(bad[name]) for name in names if only in (None, name)
        ]


def _bad(error: models.BadModel) -> dict[str, Any]:
    problems = [str(problem) for problem in error.problems]
    return {"model": error.folder.name, "problems": problems, "live": {}, "candidate": "", "stages": []}


def _good(instance: DagsterInstance, spec: ModelSpec) -> dict[str, Any]:
    ledger = Warehouse().ledger()
    live = {env: entry.version for env in in_force().names if (entry := ledger.live(env, spec.name))}
    source = history.latest(instance, key_of(spec, "source"))
    walk = [_stage(instance, spec, stage) for stage in stages(spec)]
    return {
        "model": spec.name,
        "problems": [],
        "live": live,
        "candidate": source.candidate if source else "",
        "stages": [stage for stage in walk if stage["made"] != "never"] and walk,
    }


def _stage(instance: DagsterInstance, spec: ModelSpec, stage: Stage) -> dict[str, Any]:
    made = history.latest(instance, stage.asset)
    return {
        "stage": "/".join(stage.asset[1:]),
        "made": _when(made.timestamp) if made else "never",
        "candidate": made.candidate if made else "",
        "sha256": made.data_version if made else "",
        "gates": _gates(instance, spec, stage, made.storage_id if made else None),
    }


def _gates(instance: DagsterInstance, spec: ModelSpec, stage: Stage, about: int | None) -> str:
    names = [name for asset, name in checks.check_keys(spec) if asset == stage.asset]
    if not names:
        return "-"
    found = {name: history.check(instance, stage.asset, name) for name in names}
    failed = [name for name, check in found.items() if check and check.blocks]
    stale = [name for name, check in found.items() if check is None or (not check.blocks and check.about != about)]
    opened = [name for name, check in found.items() if check and not check.blocks and not check.passed]
    words = [
        f"failed: {', '.join(failed)}" if failed else "",
        f"stale or never judged: {', '.join(stale)}" if stale else "",
        f"open: {', '.join(opened)}" if opened else "",
    ]
    return "; ".join(word for word in words if word) or "passed"


def _when(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat(sep=" ", timespec="minutes").removesuffix("+00:00") + " UTC"
