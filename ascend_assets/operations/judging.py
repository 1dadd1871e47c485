"""Judging a release again, from the records that its manifest names.

Here belongs reading definition and records, and making sure that they are about exactly this release. Stored verdicts
are not believed, and what a release is compared with is what is live now. Not here: the gates themselves.
"""

from collections.abc import Iterator
from dataclasses import replace

from pydantic import ValidationError

from ascend_assets import evidence
from ascend_assets.codec import UnreadableRecord, read_record
from ascend_assets.gates.verdict import Verdict
from ascend_assets.gates.wording import listing, short
from ascend_assets.records import Record
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from resources import dependency_lock
from resources.digests import canonical_json
from resources.registry.manifests import RegistryError
from resources.registry.releases import Release
from resources.store.blobs import Blobs
from resources.store.objects import StoreError

MAX_DEFINITION_BYTES = 4 * 1024 * 1024


class NotJudgeable(Exception):
    """A release whose evidence cannot be judged here and now. The message says why."""


def rejudge(tools: Tools, release: Release, *, within: str = "") -> tuple[Verdict, ...]:
    """Every verdict on a release, from its evidence. `within`: the bundle in which it is deployed, if it is in one.

    Raises `NotJudgeable` for a manifest of layout 1, for records that are missing, damaged or of another version
    of this program, for a definition that the policy in force does not allow, and for evidence about other artefacts.
    """
    if release.definition is None:
        raise NotJudgeable(
            f"{release.model} {release.version} was released before manifests named their evidence: release it again, "
            f"ascend run {release.model}"
        )
    spec = definition(tools.blobs, release.definition)
    records = _records(tools.blobs, release)
    try:
        candidate = evidence.candidate(spec, records, within=within)
    except (KeyError, TypeError) as error:
        raise NotJudgeable(f"the records are not those of this model: {error}") from error
    wrong = tuple(departures(release, candidate))
    if wrong:
        raise NotJudgeable(f"the evidence is not about this release: {listing(wrong)}")
    try:
        return candidate.judge(replace(tools, lock=dependency_lock.recorded(release.pipeline)))
    except (StoreError, UnreadableRecord, RegistryError) as error:
        raise NotJudgeable(f"what it is compared with cannot be read: {error}") from error


def keep_definition(blobs: Blobs, spec: ModelSpec) -> str:
    """Store a model's definition as a release names it; returns its digest.

    Defaults are written out, so that it means the same to a later version of this program.
    """
    fields = spec.model_dump(mode="json")
    # A target without a name of its own has an empty one, which nobody could write.
    fields["targets"] = [{k: v for k, v in target.items() if (k, v) != ("name", "")} for target in fields["targets"]]
    return blobs.put_bytes(canonical_json(fields), "definition.json").sha256


def definition(blobs: Blobs, digest: str) -> ModelSpec:
    """The definition that a release names. Raises `NotJudgeable`."""
    try:
        return ModelSpec.model_validate_json(blobs.read(digest, limit=MAX_DEFINITION_BYTES))
    except StoreError as error:
        raise NotJudgeable(f"the definition is not to be had: {error}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise NotJudgeable(f"the definition is not valid here: {where}: {problem['msg']}") from error


def departures(release: Release, candidate: evidence.Candidate) -> Iterator[str]:
    """Every place where a manifest says otherwise than its evidence, as a sentence."""
    source, onnx = candidate.source, candidate.onnx
    yield from _differ("model", release.model, candidate.spec.name)
    yield from _differ("source", release.source, source.archive.sha256)
    yield from _differ("candidate", release.candidate, source.candidate)
    yield from _differ("commit", release.commit, source.commit)
    yield from _differ("dirty", release.dirty, source.dirty)
    yield from _differ("onnx", release.onnx.sha256, onnx.file.sha256)
    yield from _differ("evaluation", release.evaluation, onnx.evaluation)
    yield from _differ("signature", release.signature, onnx.signature)
    yield from _differ("targets", sorted(release.targets), sorted(candidate.targets))
    for name in sorted(release.targets.keys() & candidate.targets.keys()):
        target, (om, precision, benchmark) = release.targets[name], candidate.targets[name]
        yield from _differ(f"{name} om", target.om.sha256, om.file.sha256)
        yield from _differ(f"{name} om_identity", target.om_identity, om.info.identity)
        yield from _differ(f"{name} soc_version", target.soc_version, om.info.options.soc_version)
        yield from _differ(f"{name} precision", target.precision, precision.digest)
        yield from _differ(f"{name} benchmark", target.benchmark, benchmark.digest)


def _differ(what: str, said: object, found: object) -> Iterator[str]:
    if said != found:
        yield f"{what} is {_text(said)} in the manifest, {_text(found)} in the evidence"


def _text(value: object) -> str:
    text = str(value)
    return short(text) if len(text) == 64 else text[:80]  # noqa: PLR2004 - a sha256's length


def _records(blobs: Blobs, release: Release) -> dict[str, Record]:
    try:
        return {name: read_record(blobs, digest) for name, digest in release.evidence.items()}
    except StoreError as error:
        raise NotJudgeable(f"a record is not to be had: {error}") from error
    except UnreadableRecord as error:
        raise NotJudgeable(str(error)) from error
