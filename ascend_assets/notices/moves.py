"""From what a deployment asset says to a notice: rollbacks.

Here belongs reading a materialisation that shows a ledger's entry. Not here: reading the event log (`gathering.py`).
"""

import dagster as dg

from ascend_assets import deployments
from ascend_assets.notices.kinds import KINDS
from ascend_assets.notices.said import said
from resources.notify.notice import Notice, notice
from resources.registry.ledger import Kind


def notices(made: dg.AssetMaterialization, storage_id: int, at: float) -> tuple[Notice, ...]:
    """What a materialisation tells: a rollback, or nothing. The entry's digest is the cause, for it may be shown twice.

    `storage_id`: its place in the event log; `at`: unix seconds.
    """
    asset = tuple(made.asset_key.path)
    facts = {name: str(value.value) for name, value in made.metadata.items() if isinstance(value.value, str | int)}
    if not deployments.is_deployment(asset) or facts.get("kind") != Kind.ROLLBACK.value:
        return ()
    model, environment, _ = asset
    return (
        notice(
            "rollback",
            KINDS["rollback"].severity,
            "happened",
            f"{model}/{environment}",
            cause=facts.get("sha256") or str(storage_id),
            at=at,
            facts={
                "model": model,
                "environment": environment,
                "asset": "/".join(asset),
                "version": said(facts.get("version", "?")),
                "who": said(facts.get("who", "?")),
                "why": said(facts.get("why", "?")),
            },
        ),
    )
