"""health: is what is live all there, undamaged, loadable, and rightly signed?"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from moving import MORNING, World, make_world, world
from registry_samples import append, entry

from ascend_assets.environments import Environment, Environments
from ascend_assets.operations import health
from resources import ssh_signatures
from resources.registry import released
from resources.registry.admissions import Requirement
from resources.registry.ledger import Entry
from resources.ssh_signatures import SshKeygenUnfit

__all__ = ["world"]

SIGNED = """\
environments:
  - name: dev
    evidence: [measured, emulated]
    may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]
    approvals: {required: 1, signers: signers}
"""


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The first environment wants a signature already."""
    return make_world(tmp_path / "signed", monkeypatch, SIGNED)


def of(world: World, number: int = 0, environment: str = "dev") -> dict[str, Requirement]:
    found = released.find(world.store, "digits", f"1.{number}.0")
    return {r.name: r for r in health.check(world.tools, found, environment)}


def unmet(world: World, live: Entry) -> list[str]:
    return [r.name for r in health.of_entry(world.tools, live) if not r]


def with_policy(world: World, **fields: object) -> None:
    first, *rest = world.tools.environments.all
    changed = Environment.model_validate(first.model_dump() | fields)
    world.tools = replace(world.tools, environments=Environments((changed, *rest)))


def test_what_is_live_and_whole_is_healthy(world: World) -> None:
    live = world.live(0)
    assert list(of(world)) == ["manifest", "present", "content", "loads", "approvals"]
    assert all(of(world).values())
    assert unmet(world, live) == []


def test_each_thing_that_is_wrong_is_named(world: World) -> None:
    live = world.live(0)
    made = world.tools.registry.get("digits", "1.0.0")
    om = made.targets["Ascend310P3"].om.sha256
    world.rewrite(f"blobs/sha256/{om}", b"broken")
    assert unmet(world, live) == ["content", "loads"]
    world.store.local(f"blobs/sha256/{om}").unlink()
    assert unmet(world, live) == ["present", "content", "loads"]
    world.rewrite("models/digits/releases/1.0.0.json", b"{}")
    assert unmet(world, live) == ["manifest"]
    assert all(r.remedy for r in health.of_entry(world.tools, live) if not r)


def test_signatures_are_judged_by_the_policy_of_their_time(signed: World) -> None:
    signed.publish(0)
    signed.approve(0, "dev")
    signed.promote(0)
    with_policy(signed, approvals={"required": 5, "signers": ""})
    assert of(signed)["approvals"].why.startswith("1 of 1 signatures")


def test_a_key_that_expired_since_signed_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(tmp_path / "w", monkeypatch, SIGNED)
    line = world.grace.line("grace@example.org", 'valid-before="20261121"')
    dev = world.tools.environments.first
    with_policy(world, approvals={**dev.approvals.model_dump(), "signers": line})
    world.publish(0)
    world.approve(0, "dev")
    live = world.promote(0)
    world.moment = MORNING + timedelta(days=30)
    assert unmet(world, live) == []


def test_a_deployment_that_nobody_signed_is_not_healthy(signed: World) -> None:
    """Whoever can write to the store can append an entry; no signature is in it."""
    made = signed.publish(0)
    policy = signed.tools.environments.first
    signed.tools.blobs.put_bytes(policy.encoded(), "policy.json")
    forged = entry(None, made, at=signed.moment, policy_digest=policy.digest)
    append(signed.tools.ledger, forged)
    assert unmet(signed, forged) == ["approvals"]
    assert "0 of 1 signatures" in of(signed)["approvals"].why


def test_a_policy_that_is_gone_is_told(world: World) -> None:
    live = world.live(0)
    world.store.local(f"blobs/sha256/{live.policy_digest}").unlink()
    approvals = of(world)["approvals"]
    assert (approvals.met, live.policy_digest in approvals.remedy) == (False, True)
    world.store.put_if_absent(f"blobs/sha256/{live.policy_digest}", world.tools.environments.first.encoded())
    world.rewrite(f"blobs/sha256/{live.policy_digest}", b"{}")
    assert "the policy of its deployment is not to be had" in of(world)["approvals"].why


def test_what_is_no_policy_is_told(world: World) -> None:
    made = world.publish(0)
    digest = world.tools.blobs.put_bytes(b'{"name":"dev","sneaked":1}', "policy.json").sha256
    append(world.tools.ledger, entry(None, made, at=world.moment, policy_digest=digest))
    assert "sneaked" in of(world)["approvals"].why


def test_after_a_rollback_the_signatures_are_those_of_the_deployment(signed: World) -> None:
    for number in range(2):
        signed.publish(number)
        signed.approve(number, "dev")
        signed.promote(number)
        signed.wait(1)
    signed.roll_back()
    assert of(signed)["approvals"].why.startswith("1 of 1 signatures")


def test_an_entry_of_the_first_layout_has_none_to_show(world: World) -> None:
    made = world.publish(0)
    old = entry(None, made, at=world.moment, schema_version=1)
    world.tools.ledger.append(old)
    assert unmet(world, old) == []
    with_policy(world, approvals={"required": 2, "signers": ""})
    assert unmet(world, old) == ["approvals"]
    assert "2 must sign for dev" in of(world)["approvals"].remedy


def test_what_was_never_deployed_has_no_signatures(world: World) -> None:
    world.publish(0)
    assert "was never deployed in dev" in of(world)["approvals"].why


def test_where_no_signature_can_be_verified_nothing_is_healthy(signed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    signed.publish(0)
    signed.approve(0, "dev")
    live = signed.promote(0)

    def missing(*_: object, **__: object) -> None:
        raise SshKeygenUnfit("there is no ssh-keygen here")

    monkeypatch.setattr(ssh_signatures, "verify", missing)
    assert unmet(signed, live) == ["approvals"]
    assert "nobody could look: there is no ssh-keygen here" in of(signed)["approvals"].why
