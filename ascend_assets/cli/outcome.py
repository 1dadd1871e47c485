"""How a run ended, in the words of whoever waits for it: verdicts, release, dossier, and why not.

Here belongs gathering that after a run. Not here: printing (`run.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ascend_assets.assets import dossier
from ascend_assets.cli.session import Ended, Session
from ascend_assets.dossier.render import render
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import DeploymentRecord, DossierRecord, Record, ReleaseRecord, SourceRecord


@dataclass(frozen=True)
class Outcome:
    """The end of a run. `because` says in a line why it is not in dev; empty where it is."""

    candidate: str
    verdicts: tuple[Verdict, ...]
    release: ReleaseRecord | None
    deployment: DeploymentRecord | None
    page: Path | None
    refused: bool
    because: str

    def as_json(self) -> dict[str, Any]:
        """The end as a JSON object."""
        return {
            "candidate": self.candidate,
            "deployed": self.deployment is not None and not self.because,
            "version": self.release.version if self.release else None,
            "environment": self.deployment.environment if self.deployment else None,
            "dossier": str(self.page) if self.page else None,
            "refused": self.refused,
            "because": self.because,
            "verdicts": [verdict.model_dump(mode="json") for verdict in self.verdicts],
        }


def of(work: Session, ended: Ended, verdicts: list[Verdict]) -> Outcome:
    """What a run came to. A refused candidate gets its page too: that is when somebody wants to read it."""
    records = {"__".join(asset[1:]): record for asset, record in work.held(ended.run_id).items()}
    source, made = records.get("source"), records.get("dossier")
    page = _page(work, records, tuple(verdicts))
    release, deployment = records.get("release"), records.get("dev__deployment")
    failed = [verdict for verdict in verdicts if not verdict]
    return Outcome(
        candidate=source.candidate if isinstance(source, SourceRecord) else "",
        verdicts=made.verdicts if isinstance(made, DossierRecord) else tuple(verdicts),
        release=release if isinstance(release, ReleaseRecord) else None,
        deployment=deployment if isinstance(deployment, DeploymentRecord) else None,
        page=page,
        refused=bool(failed) or any(name.endswith(("__release", "__deployment")) for name in ended.errors),
        because="" if ended.success else _because(failed, ended),
    )


def _because(failed: list[Verdict], ended: Ended) -> str:
    if failed:
        first = failed[0]
        others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        return f"{first.criterion}{f' on {first.target}' if first.target else ''}: {first.why}{others}"
    return "; ".join(f"{step}: {text}" for step, text in ended.errors.items()) or "the run failed; see Dagster's UI"


def _page(work: Session, records: Mapping[str, Record], verdicts: tuple[Verdict, ...]) -> Path | None:
    made = records.get("dossier")
    folder = work.home.state / "dossiers"
    tools = work.tools()
    if isinstance(made, DossierRecord):
        return dossier.export(tools.blobs, made.html.sha256, folder, made)
    source = records.get("source")
    if not isinstance(source, SourceRecord):
        return None
    html = render(dossier.content(tools, work.spec, verdicts, records))
    return dossier.write_page(folder / work.spec.name / f"{source.candidate}.html", html.encode())
