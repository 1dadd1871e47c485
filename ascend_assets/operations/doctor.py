"""Is this machine, with its store and its policy, fit to release? One finding per thing, each with a remedy.

Here belong the order of the examination, and the project's own files: policy, signers, models, lock file, settings.
Not here: the machine (`doctor_machine.py`), the store (`doctor_store.py`), CANN and the NPUs (`doctor_cann.py`), what
starts by itself (`doctor_triggers.py`).
Nothing is changed, but for trials that are removed again, and nothing but the store is asked over the network.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ascend_assets import models, policy_file
from ascend_assets.environments import Environment, Environments
from ascend_assets.operations import doctor_cann, doctor_cluster, doctor_machine, doctor_store, doctor_triggers
from ascend_assets.operations.finding import Finding
from ascend_assets.policy_file import BadPolicy
from ascend_assets.yaml_file import BadYaml
from resources import dependency_lock
from resources.allowed_signers import Person, Signers, parse
from resources.ascend.cann.errors import NoInstallation
from resources.ascend.choice import BadChoice, choose
from resources.home import PROJECT, Home, home, in_cluster
from resources.registry.approvals import NAMESPACE

__all__ = ["Finding", "examine"]

_SHOWN = 3


def examine(defs: Path = models.DEFS) -> tuple[Finding, ...]:
    """Look at everything. What is wrong is a finding, not an error. `defs`: the folder of the models."""
    places = home()
    return (
        *doctor_machine.programs(),
        *doctor_machine.folders(places),
        *doctor_store.store(places),
        *_policy_and_models(defs),
        *doctor_cann.examine(),
        lock_file(PROJECT),
        *_of_profile(places, defs),
        doctor_triggers.settings(),
        doctor_triggers.daemon(places),
    )


def _of_profile(places: Home, defs: Path) -> Iterator[Finding]:
    """Dagster's settings, and in profile k8s the cluster."""
    if not in_cluster():
        yield _settings(places)
        return
    try:
        good, _ = models.load_all(defs)
    except BadPolicy:
        good = {}  # the policy has a finding of its own
    yield from doctor_cluster.examine(places, good.values())


def _policy_and_models(defs: Path) -> Iterator[Finding]:
    try:
        policy = policy_file.in_force()
    except BadPolicy as error:
        yield Finding("policy", ok=False, said=_told(error), remedy="mend it: docs/environments.md has every field")
        said = "not looked at: their limits are judged by the policy"
        yield Finding("models", ok=False, said=said, remedy="mend the policy first")
        return
    names = " -> ".join(policy.names)
    yield Finding("policy", ok=True, said=f"{policy_file.location()}: {names}")
    now = datetime.now(UTC)
    for environment in policy:
        if environment.approvals.required:
            yield signers(environment, now)
    yield _models(defs)
    # In a cluster it is each step's image that has CANN, and not where this is asked.
    if not in_cluster():
        yield _toolchain(policy)


def _told(error: BadYaml) -> str:
    more = len(error.problems) - _SHOWN
    return "; ".join(map(str, error.problems[:_SHOWN])) + (f"; and {more} more" if more > 0 else "")


def signers(environment: Environment, now: datetime) -> Finding:
    """Whether so many different people can sign for an environment now as it wants."""
    wanted = environment.approvals
    listed = parse(wanted.signers)
    able = tuple(p for p in listed.people if _can_sign(listed, p, now) and (p.mails or wanted.author_may_sign))
    name = f"signers of {environment.name}"
    said = f"{wanted.required} must sign, {len(able)} can" + (f": {', '.join(map(str, able))}" if able else "")
    if len(able) >= wanted.required:
        return Finding(name, ok=True, said=said, needed=False)
    unable = [str(person) for person in listed.people if person not in able]
    if unable:
        said += f"; not {', '.join(unable)}, who have no valid key or no mail address"
    remedy = f"add a line for each to the file that approvals.signers of {environment.name} names, and commit it"
    return Finding(name, ok=False, said=f"{said}: nothing can be promoted to it", remedy=remedy, needed=False)


def _can_sign(listed: Signers, person: Person, now: datetime) -> bool:
    own = (line for line in listed.lines if line.names[0] in person.names)
    return any(line.objection(NAMESPACE, now) is None for line in own)


def _models(defs: Path) -> Finding:
    good, bad = models.load_all(defs)
    if bad:
        said = "; ".join(_told(error) for error in bad.values())
        return Finding("models", ok=False, said=said, remedy="mend the files: docs/models.md has every field")
    if not good:
        return Finding("models", ok=False, said="there is none", remedy="add one: ascend add MODEL.onnx", needed=False)
    return Finding("models", ok=True, said=", ".join(good))


def _toolchain(policy: Environments) -> Finding:
    try:
        chosen = choose()
    except BadChoice as error:
        return Finding("toolchain", ok=False, said=str(error), remedy="unset ASCEND_TOOLCHAIN, or write it so")
    except NoInstallation as error:
        said = f"ASCEND_TOOLCHAIN asks for CANN: {error}"
        return Finding("toolchain", ok=False, said=said, remedy="install it, or let ASCEND_TOOLCHAIN be auto")
    origin = chosen.toolchain.describe().origin
    closed = [e.name for e in policy if origin not in e.origins]
    if not closed:
        return Finding("toolchain", ok=True, said=str(chosen), needed=False)
    return Finding(
        "toolchain",
        ok=False,
        said=f"{chosen}; nothing it makes can enter {', '.join(closed)}",
        remedy="run candidates for those environments on a machine with the NPU, with the toolchain cann",
        needed=False,
    )


def lock_file(project: Path) -> Finding:
    """Whether the lock that a project's folder was installed from is there, which every candidate names."""
    found = dependency_lock.path(project)
    if found is not None:
        return Finding("lock file", ok=True, said=str(found))
    names = " and ".join(dependency_lock.NAMES)
    said = f"{names} are missing in {project}: a candidate's provenance is not complete without one"
    return Finding("lock file", ok=False, said=said, remedy="restore it from git, or write it: make lock")


def _settings(places: Home) -> Finding:
    """Dagster's settings, against those that come with this version."""
    name, path = "dagster settings", places.dagster / "dagster.yaml"
    current = (PROJECT / "deploy" / "local" / "dagster.yaml").read_bytes()
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return Finding(name, ok=False, said=f"{path} is missing", remedy="make it: ascend init", needed=False)
    except OSError as error:
        return Finding(name, ok=False, said=f"{path} cannot be read: {error.strerror}", remedy="give access to it")
    if found == current:
        return Finding(name, ok=True, said=f"{path} is current")
    return Finding(
        name,
        ok=False,
        said=f"{path} differs from what comes with this version (deploy/local/dagster.yaml)",
        remedy=f"if the difference is not wanted: rm {path} && ascend init",
        needed=False,
    )
