"""What became of releases: their state in each environment, and an environment's ledger, newest first."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import registry_samples as samples
from keys import make_key
from moving import World, world
from registry_samples import NOON

from ascend_assets.environments import NoSuchEnvironment
from ascend_assets.operations import history
from resources.registry.approvals import NAMESPACE, Approval, Decision, Statement
from resources.registry.bundles import Bundles
from resources.registry.ledger import Entry, Kind, LedgerBroken, entry_key
from resources.registry.manifests import NotReleased
from resources.registry.releases import Release, release_key
from resources.ssh_signatures import sign

__all__ = ["world"]


def publish(world: World, version: str, **fields: Any) -> Release:
    made = samples.release(world.tools.blobs, version, weights=version.encode(), **fields)
    world.tools.registry.publish(made)
    return made


def move(world: World, about: Release, kind: Kind = Kind.DEPLOY, environment: str = "dev") -> Entry:
    ledger = world.tools.ledger
    last = ledger.current(environment, about.model)
    at = last.at + timedelta(minutes=1) if last else NOON
    return samples.append(ledger, samples.entry(last, about, environment=environment, kind=kind, at=at), last)


def say(world: World, about: Release, decision: Decision, signer: str, folder: Path) -> Entry:
    """Append a signed statement. Nothing is judged here, so that any key will do."""
    present = world.tools.ledger.present("prod", about.model)
    at = present.head.at if present.head else NOON
    said = Statement(
        model=about.model,
        version=about.version,
        release_digest=about.digest,
        environment="prod",
        decision=decision,
        live=present.live_digest,
        policy_digest=samples.POLICY,
        reason="looked",
        at=at,
    )
    key = folder / "key"
    if not key.exists():
        make_key(folder)
    approval = Approval(statement=said, signer=signer, signature=sign(said.encoded(), key, NAMESPACE))
    entry = present.follow(
        kind=Kind(decision.value),
        version=about.version,
        release_digest=about.digest,
        actor="ada",
        reason="looked",
        at=at,
        policy_digest=samples.POLICY,
        approval=approval,
    )
    world.tools.ledger.append(entry)
    return entry


def states(world: World, environment: str = "dev") -> dict[str, str]:
    found = history.listing(world.tools, "digits")
    return {one.manifest.version: next(s.word for s in one.states if s.environment == environment) for one in found}


def test_releases_come_newest_first_as_numbers_with_a_state_in_every_environment(world: World) -> None:
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        publish(world, version)
    found = history.listing(world.tools, "digits")
    assert [one.manifest.version for one in found] == ["1.10.0", "1.9.0", "1.2.0"]
    assert {s.environment for s in found[0].states} == set(world.tools.environments.names)
    assert {str(s) for s in found[0].states} == {"-"}
    assert [one.manifest.version for one in history.listing(world.tools, "digits", limit=2)] == ["1.10.0", "1.9.0"]


def test_a_release_is_live_or_was_or_was_left_by_a_rollback(world: World) -> None:
    first, second, third = (publish(world, version) for version in ("1.0.0", "1.1.0", "1.2.0"))
    move(world, first)
    move(world, second)
    assert states(world) == {"1.0.0": "was live", "1.1.0": "live", "1.2.0": "never live"}
    move(world, third)
    move(world, first, Kind.ROLLBACK)
    assert states(world) == {"1.0.0": "live", "1.1.0": "was live", "1.2.0": "rolled back"}
    assert states(world, "prod") == dict.fromkeys(("1.0.0", "1.1.0", "1.2.0"), "never live")
    (live,) = (one for one in history.listing(world.tools, "digits") if one.live)
    assert (live.manifest.version, live.live) == ("1.0.0", ("dev",))


def test_the_same_version_deployed_again_counts_by_its_last_stay(world: World) -> None:
    first, second = publish(world, "1.0.0"), publish(world, "1.1.0")
    for about, kind in ((first, Kind.DEPLOY), (second, Kind.DEPLOY), (first, Kind.ROLLBACK), (second, Kind.DEPLOY)):
        move(world, about, kind)
    assert states(world) == {"1.0.0": "was live", "1.1.0": "live"}


def test_signatures_count_as_said_last_and_since_what_is_live(world: World, tmp_path: Path) -> None:
    first, second = publish(world, "1.0.0"), publish(world, "1.1.0")
    say(world, second, Decision.APPROVE, "grace", tmp_path)
    move(world, first, environment="prod")
    assert prod(world, "1.1.0").signed == ()
    say(world, second, Decision.APPROVE, "grace", tmp_path)
    say(world, second, Decision.APPROVE, "heidi", tmp_path)
    say(world, second, Decision.REJECT, "grace", tmp_path)
    found = prod(world, "1.1.0")
    assert (found.signed, found.rejected) == (("heidi",), ("grace",))
    assert str(found) == "signed by 1, rejected by 1"
    assert prod(world, "1.0.0").signed == ()
    assert str(prod(world, "1.0.0")) == "live"


def prod(world: World, version: str) -> history.State:
    (found,) = (one for one in history.listing(world.tools, "digits") if one.manifest.version == version)
    return next(state for state in found.states if state.environment == "prod")


def test_with_an_environment_only_what_its_ledger_speaks_of_is_listed(world: World) -> None:
    first, _ = publish(world, "1.0.0"), publish(world, "1.1.0")
    move(world, first, environment="staging")
    (found,) = history.listing(world.tools, "digits", "staging")
    assert (found.manifest.version, [s.environment for s in found.states]) == ("1.0.0", ["staging"])
    assert history.listing(world.tools, "digits", "prod") == ()


def test_a_bundle_is_listed_like_a_model(world: World) -> None:
    member = publish(world, "1.0.0")
    bundle = samples.bundle(world.tools.blobs, member)
    Bundles(world.store).publish(bundle)
    assert [one.manifest for one in history.listing(world.tools, "speech")] == [bundle]


def test_a_ledger_is_read_no_further_than_its_last_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    about = publish(world, "1.0.0")
    for _ in range(5):
        move(world, about)
    read = count_reads(world, monkeypatch)
    history.listing(world.tools, "digits", "dev")
    assert set(read) == {entry_key("dev", "digits", 5)}


def test_entries_from_before_there_was_any_release_are_not_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old = publish(world, "1.0.0", created_at=NOON)
    for _ in range(5):
        move(world, old)
    world.store.local(release_key("digits", "1.0.0")).unlink()
    publish(world, "1.1.0", created_at=NOON + timedelta(days=3))
    read = count_reads(world, monkeypatch)
    history.listing(world.tools, "digits", "dev")
    assert set(read) == {entry_key("dev", "digits", 5)}


def count_reads(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []
    get = type(world.store).get

    def counted(store: object, key: str, **how: int) -> bytes:
        if key.startswith("environments/"):
            read.append(key)
        return get(store, key, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(type(world.store), "get", counted)
    return read


def test_history_is_newest_first_and_marks_what_is_live_and_what_holds(world: World, tmp_path: Path) -> None:
    first, second = publish(world, "1.0.0"), publish(world, "1.1.0")
    move(world, first, environment="prod")
    move(world, second, environment="prod")
    say(world, first, Decision.APPROVE, "grace", tmp_path)
    steps = history.history(world.tools, "digits", "prod")
    assert [(s.entry.sequence, s.live, s.holds, s.signer) for s in steps] == [
        (3, False, True, "grace"),
        (2, True, True, ""),
        (1, False, False, ""),
    ]
    assert history.history(world.tools, "digits", "prod", limit=1) == steps[:1]
    assert history.history(world.tools, "digits", "staging") == ()


def test_a_ledger_that_speaks_of_another_version_is_broken(world: World) -> None:
    about = publish(world, "1.0.0")
    samples.append(world.tools.ledger, samples.entry(None, about, version="2.0.0"))
    with pytest.raises(LedgerBroken, match=r"names 2\.0\.0, but the manifest of its digest is 1\.0\.0"):
        history.listing(world.tools, "digits")


def test_names_that_are_not_there_are_told(world: World) -> None:
    assert history.listing(world.tools, "digits") == ()
    with pytest.raises(NotReleased, match="digits has no release yet"):
        history.history(world.tools, "digits", "dev")
    with pytest.raises(NoSuchEnvironment, match="there are: dev, staging, trial, prod"):
        history.listing(world.tools, "digits", "nowhere")
    with pytest.raises(NoSuchEnvironment):
        history.history(world.tools, "digits", "nowhere")
