"""The jobs that only look: history, list, diff, audit, doctor; and the one that tidies the store.

Not here: what they find (`ascend_assets/operations`), or how tables are laid out (`ascend_assets/markdown.py`).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from ascend_assets import markdown
from ascend_assets.operations import audit, diff, doctor, gc, history
from ascend_assets.operator_jobs.step import About, job
from ascend_assets.stage import Tools

_ENTRIES = 100


class History(About):
    """The form of `model_history`."""

    environment: str = Field(description="The environment, as environments.yaml names it.")
    limit: int = Field(default=_ENTRIES, ge=1, le=500, description="At most so many entries, the newest first.")


class Releases(About):
    """The form of `model_list`."""

    environment: str = Field(default="", description="Only what this environment's ledger speaks of; empty for all.")
    limit: int = Field(default=_ENTRIES, ge=1, le=500, description="At most so many releases, the newest first.")


class Versions(About):
    """The form of `model_diff`."""

    before: str = Field(description="The version to come from.")
    after: str = Field(description="The version to go to.")


class Ledgers(dg.Config):
    """The form of `audit_verify`."""

    environment: str = Field(default="", description="Only this environment's ledgers; empty for all.")
    model: str = Field(default="", description="Only this model's ledgers; empty for all.")
    deep: bool = Field(default=False, description="Read and hash every file of every release that was deployed.")


class Sweep(dg.Config):
    """The form of `store_gc`."""

    older_than_days: float = Field(
        default=gc.DEFAULT_AGE / timedelta(days=1), ge=1, le=36500, description="Younger files stay."
    )
    dry_run: bool = Field(default=True, description="List what would go, and delete nothing.")


class Nothing(dg.Config):
    """The form of `doctor`: it has no fields."""


def _history(_context: dg.OpExecutionContext, form: History, tools: Tools) -> Mapping[str, Any]:
    found = history.history(tools, form.model, form.environment, limit=form.limit)
    return {"entries": len(found), "history": dg.MetadataValue.md(markdown.steps(found))}


def _list(_context: dg.OpExecutionContext, form: Releases, tools: Tools) -> Mapping[str, Any]:
    found = history.listing(tools, form.model, form.environment, limit=form.limit)
    return {"releases": len(found), "list": dg.MetadataValue.md(markdown.releases(found))}


def _diff(_context: dg.OpExecutionContext, form: Versions, tools: Tools) -> Mapping[str, Any]:
    found = diff.diff(tools, form.model, form.before, form.after)
    return {"change": str(found.change or "none"), "diff": dg.MetadataValue.md(markdown.difference(found))}


def _audit(_context: dg.OpExecutionContext, form: Ledgers, tools: Tools) -> Mapping[str, Any]:
    found = audit.verify(tools, environment=form.environment, model=form.model, deep=form.deep)
    wrong = [one.fault for one in found if one.fault]
    told = dg.MetadataValue.md(markdown.audits(found))
    if wrong:
        said = "; ".join(f"{fault.key}: {fault.why}" for fault in wrong)
        raise dg.Failure(
            description=f"{len(wrong)} of {len(found)} ledgers cannot be believed: {said}",
            metadata={"ledgers": told},
            allow_retries=False,
        )
    return {"result": f"{len(found)} ledgers are whole, {sum(one.entries for one in found)} entries", "ledgers": told}


def _gc(_context: dg.OpExecutionContext, form: Sweep, tools: Tools) -> Mapping[str, Any]:
    swept = gc.gc(tools, older_than=timedelta(days=form.older_than_days), dry_run=form.dry_run)
    done = "would be deleted" if swept.dry_run else "were deleted"
    rows = ((blob.key, f"{blob.size:,}", f"{blob.age / timedelta(days=1):.1f}") for blob in swept.blobs)
    return {
        "result": f"{len(swept.blobs)} files {done}, {swept.kept} are referred to",
        "bytes": swept.bytes,
        "files": dg.MetadataValue.md(markdown.table(("file", "bytes", "days old"), rows)),
    }


def _doctor(_context: dg.OpExecutionContext, _form: Nothing, tools: Tools) -> Mapping[str, Any]:  # noqa: ARG001
    found = doctor.examine()
    told = dg.MetadataValue.md(markdown.findings(found))
    unfit = [one for one in found if not one and one.needed]
    if unfit:
        raise dg.Failure(
            description="; ".join(f"{one.name}: {one.said}: {one.remedy}" for one in unfit),
            metadata={"findings": told},
            allow_retries=False,
        )
    return {"result": "this machine is fit to release", "findings": told}


MODEL_HISTORY = job("model_history", History, _history, "What happened to a model in an environment: its ledger.")
MODEL_LIST = job("model_list", Releases, _list, "A model's releases, and where each is live.")
MODEL_DIFF = job("model_diff", Versions, _diff, "What changed from one release to another.")
AUDIT_VERIFY = job(
    "audit_verify",
    Ledgers,
    _audit,
    "Walk the ledgers: is each whole, and did each entry meet the policy of its time?",
)
STORE_GC = job("store_gc", Sweep, _gc, "Delete files that no release and no ledger refers to. Lists them first.")
DOCTOR = job("doctor", Nothing, _doctor, "Is the code server's machine, with its store and its policy, fit to release?")
