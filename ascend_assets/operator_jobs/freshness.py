"""The job that says which compiled models are not of the toolchain in force.

Not here: the judgement (`ascend_assets/operations/stale.py`), or rebuilding: a reviewer launches a model's candidate
job, or switches it on (`sensors/toolchain_changed.py`).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from ascend_assets import freshness, markdown, models
from ascend_assets.assets.source import FOLDER
from ascend_assets.operations import stale
from ascend_assets.operator_jobs.step import job
from ascend_assets.stage import Tools
from resources.registry.bundles import Bundles


class Which(dg.Config):
    """The form of `stale`."""

    model: str = Field(default="", description="Only this model or bundle; empty for all.")


def _stale(context: dg.OpExecutionContext, form: Which, tools: Tools) -> Mapping[str, Any]:
    good, bad = models.load_all(tools.repository / FOLDER)
    wanted = {form.model} if form.model else {*good, *Bundles(tools.registry.store).names()}
    specs = [spec for name, spec in good.items() if name in wanted]
    judged, troubles = freshness.everything(context.instance, tools, specs, sorted(wanted))
    now = tools.toolchain.describe()
    counted = sum(one.state == "stale" for one in judged)
    rows = (
        (one.state, one.compiled.model, one.compiled.target, one.compiled.where, one.compiled.name, one.why)
        for one in judged
    )
    return {
        "result": f"{counted} of {len(judged)} compiled models are stale; in force is {now.name} {now.version}",
        "to rebuild": ", ".join(stale.to_rebuild(judged)) or "none",
        "compiled models": dg.MetadataValue.md(
            markdown.table(("state", "model", "target", "where", "version or candidate", "why"), rows)
        ),
        "not read": ", ".join((*troubles, *(f"model {name}: see its asset" for name in bad))) or "none",
    }


STALE = job(
    "stale",
    Which,
    _stale,
    "Which compiled models, of candidates and of live releases, another toolchain made than the one in force here.",
)
