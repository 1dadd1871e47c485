"""How a run ended, in the words of whoever waits for it: verdicts, release, dossier, and why not.

Here belongs gathering that after a run. Not here: printing (`run_command.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ascend_assets.assets import dossier
from ascend_assets.cli.session import Ended, Session
from ascend_assets.dossier.render import render
from ascend_assets.gates.verdict import Verdict
from ascend_assets.gates.wording import clipped
from ascend_assets.policy_file import in_force
from ascend_assets.records import DeploymentRecord, DossierRecord, Record, ReleaseRecord, SourceRecord
from ascend_assets.stage import AssetKey

_LONGEST_REASON = 400
"""Characters of a verdict's sentence in the last line; the table above it has all of them."""


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


def of(work: Session, ended: Ended, verdicts: list[Verdict], *, anew: bool) -> Outcome:
    """What a run came to. A refused candidate gets its page too: that is when somebody wants to read it.

    `anew`: the run built its candidate, so that what it did not make is not there; else the candidate is the one that
    the assets hold.
    """
    made = _by_stage(work.held(ended.run_id))
    held = made if anew else {**_by_stage(work.held()), **made}
    source, whole = held.get("source"), held.get("dossier")
    release, deployment = made.get("release"), made.get(f"{in_force().first.name}__deployment")
    failed = [verdict for verdict in verdicts if not verdict]
    return Outcome(
        candidate=source.candidate if isinstance(source, SourceRecord) else "",
        verdicts=whole.verdicts if isinstance(whole, DossierRecord) and not failed else tuple(verdicts),
        release=release if isinstance(release, ReleaseRecord) else None,
        deployment=deployment if isinstance(deployment, DeploymentRecord) else None,
        page=_page(work, held, tuple(verdicts)),
        refused=bool(failed) or ended.refused,
        because="" if ended.success else _because(failed, ended),
    )


def _by_stage(records: Mapping[AssetKey, Record]) -> dict[str, Record]:
    return {"__".join(asset[1:]): record for asset, record in records.items()}


def _because(failed: list[Verdict], ended: Ended) -> str:
    if failed:
        first = failed[0]
        others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        why = clipped(first.why, _LONGEST_REASON)
        return f"{first.criterion}{f' on {first.target}' if first.target else ''}: {why}{others}"
    return "; ".join(f"{stage}: {text}" for stage, text in ended.errors.items()) or "the run failed; see Dagster's UI"


def _page(work: Session, records: Mapping[str, Record], verdicts: tuple[Verdict, ...]) -> Path | None:
    made = records.get("dossier")
    folder = work.home.dossiers
    tools = work.tools()
    if isinstance(made, DossierRecord):
        return dossier.export(tools.blobs, made.html.sha256, folder, made)
    source = records.get("source")
    if not isinstance(source, SourceRecord):
        return None
    html = render(dossier.content(tools, work.spec, verdicts, records))
    return dossier.write_page(folder / work.spec.name / f"{source.candidate}.html", html.encode())
