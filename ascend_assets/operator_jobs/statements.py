"""The jobs that add to a ledger what a release's promotion is decided on: signatures and results of tests.

Not here: which signatures count, or what makes a result good (`ascend_assets/gates`).
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from ascend_assets import markdown
from ascend_assets.gates.approval_rules import WINDOW
from ascend_assets.operations import approve, result
from ascend_assets.operator_jobs.step import Signed, entry_shown, job, report
from ascend_assets.stage import Tools
from resources.registry.approvals import NAMESPACE, Decision


class Approval(Signed):
    """The form of `approve`."""

    version: str = Field(description="The version that you have looked at.")
    reject: bool = Field(default=False, description="Sign against the release: it stays out until you approve it.")
    signer: str = Field(default="", description="In whose name; empty: the first name that the signers' file gives.")
    statement: str = Field(
        default="", description="The statement that was signed elsewhere, as a run without a signature showed it."
    )
    signature: str = Field(
        default="", description="The signature that was made elsewhere: the whole .sig file. Empty: see statement."
    )
    key_path: str = Field(
        default="", description="In place of both: a key that the code server has, or a .pub whose key its agent has."
    )


class Report(Signed):
    """The form of `record_result`."""

    version: str = Field(description="The version that was tested.")
    report: str = Field(description="The report's JSON, as `ascend model result --report` reads it from a file.")


def _approve(context: dg.OpExecutionContext, form: Approval, tools: Tools) -> Mapping[str, Any]:
    decision = Decision.REJECT if form.reject else Decision.APPROVE
    about: dict[str, Any] = {"name": form.model, "version": form.version, "environment": form.environment}
    if not (form.signature or form.statement or form.key_path):
        said = approve.statement(tools, **about, decision=decision, reason=form.reason)
        return _to_sign(said.encoded())
    elsewhere = approve.Signed(form.statement.strip().encode(), form.signature)
    entry = approve.approve(
        tools,
        **about,
        decision=decision,
        reason=form.reason,
        key=Path(form.key_path) if form.key_path else None,
        signed=elsewhere if form.signature or form.statement else None,
        signer=form.signer,
        actor=form.actor,
        dry_run=form.dry_run,
    )
    if not form.dry_run:
        report(context, tools, entry)
    return {**entry_shown(entry, dry_run=form.dry_run), "signer": entry.approval.signer if entry.approval else ""}


def _to_sign(statement: bytes) -> Mapping[str, Any]:
    """What is signed elsewhere, and how. In base64 no shell changes a byte of it."""
    commands = (
        f"    echo {b64encode(statement).decode()} | base64 -d > statement.json\n"
        f"    ssh-keygen -Y sign -n {NAMESPACE} -f KEY statement.json\n"
        "    cat statement.json.sig\n"
    )
    minutes = WINDOW // timedelta(minutes=1)
    return {
        "result": f"nothing is signed yet: sign this within {minutes} minutes, then run the job again with both",
        "statement": dg.MetadataValue.text(statement.decode()),
        "how": dg.MetadataValue.md(commands),
    }


def _record_result(context: dg.OpExecutionContext, form: Report, tools: Tools) -> Mapping[str, Any]:
    recorded = result.record(
        tools,
        name=form.model,
        environment=form.environment,
        version=form.version,
        report=form.report.encode(),
        actor=form.actor,
        reason=form.reason,
        dry_run=form.dry_run,
    )
    if not form.dry_run:
        report(context, tools, recorded.entry)
    return {
        **entry_shown(recorded.entry, dry_run=form.dry_run),
        "good": bool(recorded),
        "judged": dg.MetadataValue.md(markdown.requirements(recorded.judged)),
    }


APPROVE = job(
    "approve",
    Approval,
    _approve,
    "Sign for a release, or against it. The key stays where it is: the first run shows what to sign, the second takes "
    "the signature.",
)
RECORD_RESULT = job(
    "record_result", Report, _record_result, "Record how a canary or an A/B test of a release ended, good or bad."
)
