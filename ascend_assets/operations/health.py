"""Is a release fit to be live: all there, undamaged, loadable, and rightly signed?

Here belongs looking at it, one requirement per concern. Not here: whether it is good (the gates), or moving it
(`promote.py`, `rollback.py`).
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from ascend_assets.environments import Environment
from ascend_assets.gates import approvals
from ascend_assets.gates.approvals import ApprovalsJudged
from ascend_assets.gates.wording import listing, short
from ascend_assets.stage import Tools
from resources import ssh_signatures
from resources.ascend.choice import Opener, that_made
from resources.ascend.toolchain import ToolchainError
from resources.home import in_cluster
from resources.registry import released as registered
from resources.registry.admissions import Requirement
from resources.registry.bundles import Bundle
from resources.registry.ledger import MOVES, Entry, Kind, Present
from resources.registry.manifests import RegistryError
from resources.registry.released import Released
from resources.registry.releases import ReleasedTarget
from resources.ssh_signatures import SshKeygenUnfit
from resources.store.objects import StoreError

MAX_POLICY_BYTES = 1024 * 1024
_LONGEST = 1000
_RESTORE = "restore it from a copy of the store"


def check(tools: Tools, released: Released, environment: str, *, start: Entry | None = None) -> tuple[Requirement, ...]:
    """Everything that must be right of a release that is, or was, live in an environment.

    `start`: the entry from which its deployment is looked for, backwards; None: the ledger's end.
    """
    return (*artefacts(tools, released), signatures(tools, released, environment, start=start))


def of_entry(tools: Tools, entry: Entry) -> tuple[Requirement, ...]:
    """The same for what a ledger's move names, its manifest included."""
    try:
        found = registered.find(tools.registry.store, entry.model, entry.version, digest=entry.release_digest)
    except (RegistryError, StoreError) as error:
        return (Requirement(name="manifest", met=False, why=str(error), remedy=_RESTORE),)
    return check(tools, found, entry.environment, start=entry)


def artefacts(tools: Tools, released: Released) -> tuple[Requirement, ...]:
    """Is it all there, with the right content, and does it load on its targets?"""
    manifest = Requirement(name="manifest", met=True, why=f"{released.name} {released.version} is {released.digest}")
    content, right = _content(tools, released)
    return (manifest, _present(tools, released), content, _loads(tools, released, right))


def signatures(tools: Tools, released: Released, environment: str, *, start: Entry | None = None) -> Requirement:
    """Were the signatures of its deployment valid, by the policy of that time?"""
    found = deployment(tools, released, environment, start=start)
    if found is None:
        why = f"{released.version} was never deployed in {environment}"
        return Requirement(name=approvals.NAME, met=False, why=why, remedy="promote it")
    entry, then = found
    if entry.admission is None:
        needed = tools.environments.get(environment).approvals.required
        why = f"{released.version} was deployed at {entry.at.isoformat()}, before signatures were kept"
        remedy = f"have it signed and promote it: {needed} must sign for {environment}" if needed else ""
        return Requirement(name=approvals.NAME, met=not needed, why=why, remedy=remedy)
    try:
        policy = policy_of(tools, entry)
    except (StoreError, ValidationError) as error:
        why = f"the policy of its deployment is not to be had: {error}"
        return Requirement(name=approvals.NAME, met=False, why=why, remedy=f"{_RESTORE} (blob {entry.policy_digest})")
    return signed(policy, released, then, entry.at).requirement


def signed(policy: Environment, released: Released, present: Present, now: datetime) -> ApprovalsJudged:
    """Which signatures on a release count, by a policy, in a ledger as it was at a moment."""
    try:
        return approvals.judge(
            policy,
            name=released.name,
            version=released.version,
            digest=released.digest,
            authors=released.authors,
            present=present,
            now=now,
            verify=ssh_signatures.verify,
        )
    except SshKeygenUnfit as error:
        unknown = Requirement(name=approvals.NAME, met=False, why=f"nobody could look: {error}", remedy="see there")
        return ApprovalsJudged(unknown)


def deployment(
    tools: Tools, released: Released, environment: str, *, start: Entry | None = None
) -> tuple[Entry, Present] | None:
    """The entry that last deployed a release, other than by a rollback, and the environment right before it."""
    deployed: Entry | None = None
    since: list[Entry] = []
    for entry in tools.ledger.backwards(environment, released.name, start=start):
        if deployed is None:
            deployed = entry if _deploys(entry, released.digest) else None
        elif entry.kind in MOVES:
            return deployed, _before(deployed, since, entry)
        else:
            since.append(entry)
    return (deployed, _before(deployed, since, None)) if deployed else None


def policy_of(tools: Tools, entry: Entry) -> Environment:
    """The policy in force when an entry was written. Raises `StoreError`, `ValidationError`."""
    return Environment.model_validate_json(tools.blobs.read(entry.policy_digest, limit=MAX_POLICY_BYTES))


def _deploys(entry: Entry, digest: str) -> bool:
    return entry.kind is Kind.DEPLOY and entry.release_digest == digest


def _before(entry: Entry, newest_first: list[Entry], live: Entry | None) -> Present:
    head = newest_first[0] if newest_first else live
    return Present(entry.environment, entry.model, head, live, tuple(reversed(newest_first)))


def _present(tools: Tools, released: Released) -> Requirement:
    try:
        registered.check(tools.registry.store, released)
    except (RegistryError, StoreError) as error:
        return Requirement(name="present", met=False, why=str(error), remedy=_RESTORE)
    return Requirement(name="present", met=True, why=f"the store holds all {len(released.blobs)} files")


def _content(tools: Tools, released: Released) -> tuple[Requirement, dict[str, Path]]:
    """What serves traffic is read whole; evidence is verified when somebody reads it. Also: the files found right."""
    served = {target.om.sha256: target.om.name for release in released.releases for target in release.targets.values()}
    manifest = released.manifest
    if isinstance(manifest, Bundle):
        served |= {file.sha256: file.name for file in manifest.files.values()}
    right: dict[str, Path] = {}
    faults = []
    for digest in served:
        try:
            right[digest] = tools.blobs.path(digest)
        except StoreError as error:
            faults.append(str(error))
    why = listing(faults, longest=_LONGEST) or "; ".join(f"{name} is {short(d)}" for d, name in served.items())
    return Requirement(name="content", met=not faults, why=why, remedy=_RESTORE if faults else ""), right


def _loads(tools: Tools, released: Released, right: Mapping[str, Path]) -> Requirement:
    openers = {
        r.toolchain.name: that_made(r.toolchain.name, tools.toolchain, apart=in_cluster()) for r in released.releases
    }
    foreign = sorted(name for name, opener in openers.items() if opener is None)
    if foreign:
        mine = tools.chosen or tools.toolchain.describe().name
        return Requirement(
            name="loads",
            met=False,
            why=f"it was compiled by {', '.join(foreign)}, and here is {mine}, which cannot load it",
            remedy=f"run the command on a machine with the toolchain {foreign[0]}",
        )
    faults, names = [], []
    for release in released.releases:
        opener = openers[release.toolchain.name] or tools.toolchain
        for key, target in release.targets.items():
            names.append(f"{release.model}/{key}")
            faults.append(_load(opener, names[-1], target, right))
    faults = [fault for fault in faults if fault]
    why = listing(faults, longest=_LONGEST) or f"{', '.join(names)} load ({', '.join(sorted(openers))})"
    return Requirement(name="loads", met=not faults, why=why, remedy="return to another release" if faults else "")


def _load(opener: Opener, name: str, target: ReleasedTarget, right: Mapping[str, Path]) -> str:
    if target.om.sha256 not in right:
        return f"{name}: its file is not to be had, see content"
    try:
        opener.open(right[target.om.sha256], target.soc_version)
    except ToolchainError as error:
        return f"{name}: {error}"
    return ""
