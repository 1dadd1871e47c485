"""release: an immutable manifest of exactly these artefacts.

Here belong judging the evidence once more, choosing the version and publishing. The verdicts of the dossier and of
Dagster's checks are not believed: whoever can write to the event log could have put them there. Not here: what the
event log says (`guard.py`), or how manifests are stored (`resources/registry/releases.py`).
"""

from ascend_assets import evidence
from ascend_assets.assets.dossier import changelog, contents, pipeline
from ascend_assets.assets.source import FOLDER
from ascend_assets.codec import read_record
from ascend_assets.gates.verdict import Verdict
from ascend_assets.operations.judging import keep_definition
from ascend_assets.records import DossierRecord, Record, ReleaseRecord, SourceRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order, Tools
from resources import git
from resources.ascend.toolchain import ToolchainIdentity
from resources.registry.bundles import Bundles
from resources.registry.releases import Release, ReleasedTarget
from resources.registry.versions import FIRST, Version, next_version

_MAX_PERSON = 200


class ReleaseRefused(Exception):
    """The evidence at hand does not admit the candidate to dev. The message lists every reason."""

    def __init__(self, model: str, reasons: tuple[str, ...]) -> None:
        self.reasons = reasons
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        super().__init__(f"{model} cannot be released:\n{listed}")


def make(tools: Tools, key: str, order: Order, *, spec: ModelSpec, dossier: DossierRecord) -> ReleaseRecord:
    """Publish the candidate of a dossier, or find the release that already is these artefacts.

    Raises `ReleaseRefused` unless the evidence that the dossier names, judged here and now, admits it to dev.
    """
    records: dict[str, Record] = {name: read_record(tools.blobs, digest) for name, digest in dossier.records.items()}
    candidate = evidence.candidate(spec, records)
    verdicts = candidate.judge(tools)
    reasons = refusals(verdicts)
    if Bundles(tools.registry.store).versions(spec.name):
        reasons = (*reasons, "a bundle has this name, and one name cannot be two things: rename the model")
    if reasons:
        raise ReleaseRefused(spec.name, reasons)
    release = existing(tools, candidate) or _publish(tools, order, candidate, dossier, verdicts)
    return ReleaseRecord(
        key=key,
        made_from={"dossier": dossier.data_version},
        model=spec.name,
        version=release.version,
        candidate=release.candidate,
        release_digest=release.digest,
    )


def refusals(verdicts: tuple[Verdict, ...]) -> tuple[str, ...]:
    """Every reason against dev. Without a verdict nothing is admitted."""
    refused = [f"{v.criterion}{f' ({v.target})' if v.target else ''}: {v.why}" for v in verdicts if not v]
    return tuple(refused) if verdicts else ("nothing was judged",)


def existing(tools: Tools, candidate: evidence.Candidate) -> Release | None:
    """The newest release of the same artefacts, unless it can never leave dev and the candidate could."""
    wanted = contents(candidate)
    for release in reversed(tools.registry.releases(candidate.spec.name)):
        if release.contents == wanted and (candidate.source.dirty or not release.dirty):
            return release
    return None


def _publish(
    tools: Tools, order: Order, candidate: evidence.Candidate, dossier: DossierRecord, verdicts: tuple[Verdict, ...]
) -> Release:
    source, spec = candidate.source, candidate.spec
    latest = tools.registry.latest(spec.name)
    release = Release(
        model=spec.name,
        version=str(_version(latest, candidate)),
        candidate=source.candidate,
        commit=source.commit,
        dirty=source.dirty,
        task=spec.task,
        owners=spec.owners,
        source=source.archive.sha256,
        onnx=candidate.onnx.file,
        targets={name: _target(candidate, name, dossier) for name in candidate.targets},
        signature=candidate.onnx.signature,
        toolchain=_compiled_by(candidate),
        verdicts=tuple(v.model_dump(mode="json") for v in verdicts),
        dossier=dossier.html.sha256,
        pipeline=pipeline(tools),
        changelog="\n".join(changelog(tools, latest, source)),
        created_at=tools.now(),
        created_by=order.actor or "dagster",
        authors=authors(tools, latest, source),
        definition=keep_definition(tools.blobs, spec),
        evidence=dossier.records,
        evaluation=candidate.onnx.evaluation,
    )
    tools.registry.publish(release)
    return release


def _compiled_by(candidate: evidence.Candidate) -> ToolchainIdentity:
    """The toolchain that compiled the candidate, which may be in another image than this step's."""
    return next(om.info.toolchain for om, _, _ in candidate.targets.values())


def authors(tools: Tools, previous: Release | None, source: SourceRecord) -> tuple[str, ...]:
    """Who wrote the commit, and the commits to the model's files since the previous release: none of them may approve.

    Nor may who accepted a repair that changes weights. Nobody else is known where the candidate is in no commit.
    """
    accepted = {source.repair.accepted_by} if source.repair and source.repair.accepted_by else set[str]()
    if not source.commit:
        return tuple(accepted)
    folder = tools.repository / FOLDER / source.model
    found = git.authors(tools.repository, previous.commit if previous else "", source.commit, folder)
    return tuple(sorted({*found, *accepted, *([source.author[:_MAX_PERSON]] if source.author.strip() else [])}))


def _version(latest: Release | None, candidate: evidence.Candidate) -> Version:
    """The next version. The same artefacts again, from a clean tree this time, are packaged otherwise: a patch."""
    found = next_version(latest, contents(candidate))
    if found is not None or latest is None:
        return found or FIRST
    version = Version.parse(latest.version)
    return Version(version.major, version.minor, version.patch + 1)


def _target(candidate: evidence.Candidate, name: str, dossier: DossierRecord) -> ReleasedTarget:
    om, _, _ = candidate.targets[name]
    return ReleasedTarget(
        soc_version=om.info.options.soc_version,
        om=om.file,
        om_identity=om.info.identity,
        precision=dossier.records[f"{name}__precision"],
        benchmark=dossier.records[f"{name}__benchmark"],
    )
