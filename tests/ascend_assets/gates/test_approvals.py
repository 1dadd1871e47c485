"""Which signatures count for a release: every way in which one does not, and how people are counted."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from approval_samples import DIGEST, NOON, World, live_entry, make_people, prod, signers_file
from hypothesis import given, settings
from hypothesis import strategies as st
from keys import Key

from ascend_assets.environments import Environment
from ascend_assets.gates.approval_rules import about_another_release, given_elsewhere, mail_of
from ascend_assets.gates.approvals import ApprovalsJudged, judge
from resources import ssh_signatures
from resources.registry.approvals import NAMESPACE, Decision, Statement
from resources.ssh_armour import BadSignature, SshSignature
from resources.ssh_keys import from_blob, from_text, wire_string
from resources.ssh_signatures import SshKeygenUnfit, sign

AUTHOR = "Zoe <zoe@example.com>"
ADA, BOB, CAROL = "ada@example.com", "bob@example.com", "carol@example.com"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Key]:
    return make_people(tmp_path_factory.mktemp("people"), "ada", "bob", "carol", "ada2", "eve")


def file_of(people: dict[str, Key], *names: str, options: str = "") -> str:
    return signers_file({name: people[name] for name in names}, options)


@pytest.fixture
def world(people: dict[str, Key]) -> World:
    return World(prod(file_of(people, "ada", "bob", "carol")))


def judged(world: World, authors: Iterable[str] = (AUTHOR,), **fields: Any) -> ApprovalsJudged:
    own: dict[str, Any] = {"now": NOON + timedelta(hours=1), "verify": ssh_signatures.verify} | fields
    return judge(
        world.environment,
        name="digits",
        version="1.1.0",
        digest=DIGEST,
        authors=authors,
        present=world.present,
        **own,
    )


def the_refusal(found: ApprovalsJudged) -> str:
    ((_, why),) = found.refused
    assert not found.requirement
    assert found.requirement.remedy
    return why


class TestCounting:
    def test_where_no_signature_is_required_it_is_met_at_once(self, world: World) -> None:
        world.environment = Environment(name="dev")
        found = judged(world)
        assert found.requirement.met
        assert found.requirement.why == "dev needs no signature"

    def test_two_different_people_are_enough(self, world: World, people: dict[str, Key]) -> None:
        found = judged(world)
        assert found.requirement.why == "0 of 2 signatures"
        assert found.requirement.remedy == (
            "2 of ada@example.com, bob@example.com, carol@example.com must sign: "
            'ascend approve digits --version 1.1.0 --env prod --key FILE --reason "..."'
        )
        first = world.signed(people["ada"], ADA)
        found = judged(world)
        assert not found.requirement
        assert found.requirement.why == "1 of 2 signatures: ada@example.com (entry 2)"
        assert found.requirement.remedy.startswith("1 of bob@example.com, carol@example.com must sign")
        second = world.signed(people["bob"], BOB)
        found = judged(world)
        assert found.requirement
        assert found.requirement.name == "approvals"
        assert found.counted == (first, second)
        assert found.refused == ()

    def test_two_people_may_sign_one_and_the_same_statement(self, world: World, people: dict[str, Key]) -> None:
        said = world.statement()
        for name in ("ada", "bob"):
            world.record(said, sign(said.encoded(), people[name].path, NAMESPACE), f"{name}@example.com")
        assert judged(world).requirement

    def test_a_first_release_is_signed_where_nothing_is_live(self, world: World, people: dict[str, Key]) -> None:
        world.live = None
        world.signed(people["ada"], ADA)
        world.signed(people["bob"], BOB)
        assert judged(world).requirement

    def test_signatures_on_other_versions_are_passed_over(self, world: World, people: dict[str, Key]) -> None:
        world.signed(people["ada"], ADA, version="1.2.0", release_digest="e" * 64)
        assert judged(world) == ApprovalsJudged(judged(world).requirement)

    def test_a_person_with_two_keys_counts_once(self, people: dict[str, Key]) -> None:
        line = people["ada2"].line("ada@home.example,ada@example.com")
        world = World(prod(file_of(people, "ada", "bob") + line))
        world.signed(people["ada"], ADA)
        world.signed(people["ada2"], "ada@home.example")
        found = judged(world)
        assert the_refusal(found) == (
            "ada@example.com is counted already, by entry 2 as ada@example.com: one person counts once"
        )
        assert len(found.counted) == 1

    def test_a_rejection_stops_a_release_until_the_same_person_approves(
        self, world: World, people: dict[str, Key]
    ) -> None:
        for name in ("ada", "bob"):
            world.signed(people[name], f"{name}@example.com")
        world.signed(people["carol"], CAROL, decision=Decision.REJECT, reason="it is biased")
        found = judged(world)
        assert not found.requirement
        assert found.requirement.why == "rejected by carol@example.com (entry 4): it is biased"
        assert "or carol@example.com approves: ascend approve digits" in found.requirement.remedy
        world.signed(people["carol"], CAROL)
        assert len(judged(world).counted) == 3
        assert judged(world).requirement

    def test_the_latest_decision_of_a_person_counts(self, world: World, people: dict[str, Key]) -> None:
        world.signed(people["ada"], ADA)
        world.signed(people["bob"], BOB)
        world.signed(people["ada"], ADA, decision=Decision.REJECT)
        found = judged(world)
        assert found.requirement.why.startswith("rejected by ada@example.com (entry 4)")
        assert [entry.sequence for entry in found.counted] == [3]

    def test_with_too_few_people_the_remedy_is_more_people(self, people: dict[str, Key]) -> None:
        world = World(prod(file_of(people, "ada")))
        assert "2 more must sign, and 1 of those who are allowed to can: add people" in judged(world).requirement.remedy
        assert "2 more must sign, and 0 of" in judged(World(prod("# nobody\n"))).requirement.remedy
        expired = World(prod(file_of(people, "ada", "bob", options='valid-before="20200101"')))
        assert "and 0 of those" in judged(expired).requirement.remedy

    def test_a_broken_file_of_signers_admits_nobody(self, people: dict[str, Key]) -> None:
        found = judged(World(prod(people["ada"].line("*"))))
        assert not found.requirement
        assert "nobody may sign: signers of prod:1: name: '*' names nobody" in found.requirement.why


class TestRefused:
    def test_a_forged_signature(self, world: World, people: dict[str, Key]) -> None:
        said = world.statement()
        other = sign(world.statement(reason="of something else").encoded(), people["ada"].path, NAMESPACE)
        world.record(said, other, ADA)
        assert "it is forged" in the_refusal(judged(world))

    def test_a_signer_who_is_not_allowed(self, world: World, people: dict[str, Key]) -> None:
        world.signed(people["eve"], "eve@example.com")
        assert "is nobody's who may sign" in the_refusal(judged(world))

    def test_a_signature_in_somebody_elses_name(self, world: World, people: dict[str, Key]) -> None:
        world.signed(people["ada"], BOB)
        assert "is not bob@example.com's: it is ada@example.com's" in the_refusal(judged(world))

    def test_another_manifest_of_the_same_version(self, world: World, people: dict[str, Key]) -> None:
        world.signed(people["ada"], ADA, release_digest="e" * 64)
        assert "another manifest of digits 1.1.0" in the_refusal(judged(world))

    def test_another_release_environment_deployment_or_policy(self, world: World) -> None:
        said, here = world.statement(), world.environment
        assert about_another_release(said, "digits", "1.1.0", DIGEST) == ""
        assert "signed for digits 1.1.0, not for digits 1.2.0" in about_another_release(said, "digits", "1.2.0", DIGEST)
        assert "not for letters 1.1.0" in about_another_release(said, "letters", "1.1.0", DIGEST)
        assert given_elsewhere(said, here, world.present.live_digest) == ""
        other = here.model_copy(update={"name": "staging"})
        assert "signed for prod, not for staging" in given_elsewhere(said, other, said.live)
        assert "another deployment was live in prod" in given_elsewhere(said, here, "9" * 64)
        assert "now nothing" in given_elsewhere(said, here, None)
        stricter = here.model_copy(update={"soak_hours": 48.0})
        assert "under another policy of prod" in given_elsewhere(said, stricter, said.live)

    def test_another_live_deployment(self, world: World, people: dict[str, Key]) -> None:
        entry = world.signed(people["ada"], ADA)
        world.live = live_entry(reason="meanwhile")
        world.since = [entry]
        assert "another deployment was live" in the_refusal(judged(world))

    def test_an_approval_older_than_a_changed_policy(self, world: World, people: dict[str, Key]) -> None:
        world.signed(people["ada"], ADA)
        world.environment = world.environment.model_copy(update={"soak_hours": 48.0})
        assert "read the policy in force and sign again" in the_refusal(judged(world))

    def test_a_key_that_has_expired_since(self, people: dict[str, Key]) -> None:
        world = World(prod(file_of(people, "ada", "bob", options='valid-before="202611201230"')))
        world.signed(people["ada"], ADA)
        assert judged(world, now=NOON + timedelta(minutes=30)).counted
        assert "expired at 2026-11-20 12:30:00" in the_refusal(judged(world))

    def test_a_key_that_was_not_yet_valid_when_it_signed(self, people: dict[str, Key]) -> None:
        world = World(prod(file_of(people, "ada", "bob", options='valid-after="202611201230"')))
        world.signed(people["ada"], ADA)
        assert "not valid before 2026-11-20 12:30:00" in the_refusal(judged(world))

    def test_a_key_that_is_for_another_purpose(self, people: dict[str, Key]) -> None:
        world = World(prod(file_of(people, "ada", "bob", options='namespaces="git"')))
        world.signed(people["ada"], ADA)
        assert "may sign for git only" in the_refusal(judged(world))
        world = World(prod(file_of(people, "ada", "bob", options=f'namespaces="git,{NAMESPACE}"')))
        world.signed(people["ada"], ADA)
        assert judged(world).counted

    def test_a_rejection_stands_though_its_key_has_expired_since(self, people: dict[str, Key]) -> None:
        carol = people["carol"].line(CAROL, 'valid-before="202611201230"')
        world = World(prod(file_of(people, "ada", "bob") + carol))
        world.signed(people["carol"], CAROL, decision=Decision.REJECT)
        for name in ("ada", "bob"):
            world.signed(people[name], f"{name}@example.com")
        assert judged(world).requirement.why.startswith("rejected by carol")

    @pytest.mark.parametrize("minutes", [-16, 16])
    def test_a_statement_of_another_time_than_its_entry(
        self, world: World, people: dict[str, Key], minutes: int
    ) -> None:
        world.signed(people["ada"], ADA, at=NOON + timedelta(minutes=minutes))
        assert "more than 15 minutes apart" in the_refusal(judged(world))

    def test_a_replay(self, world: World, people: dict[str, Key]) -> None:
        said = world.statement()
        signature = sign(said.encoded(), people["ada"].path, NAMESPACE)
        world.record(said, signature, ADA)
        world.signed(people["ada"], ADA, decision=Decision.REJECT)
        world.record(said, signature, ADA, at=NOON + timedelta(minutes=1))
        found = judged(world)
        assert "it is a replay: ada@example.com has signed this very statement in entry 2" in the_refusal(found)
        assert found.requirement.why.startswith("rejected by ada")

    def test_what_was_signed_before_a_later_decision(self, world: World, people: dict[str, Key]) -> None:
        world.signed(people["ada"], ADA, decision=Decision.REJECT, at=NOON + timedelta(minutes=2))
        said = world.statement(at=NOON - timedelta(minutes=1))
        world.record(said, sign(said.encoded(), people["ada"].path, NAMESPACE), ADA, at=NOON + timedelta(minutes=3))
        assert "signed before ada@example.com's later decision in entry 2" in the_refusal(judged(world))

    def test_a_signature_that_is_not_in_its_normal_form(self, world: World, people: dict[str, Key]) -> None:
        said = world.statement()
        signature = sign(said.encoded(), people["ada"].path, NAMESPACE)
        world.record(said, signature + "\n", ADA)
        assert "not in the normal form" in the_refusal(judged(world))
        world.since.clear()
        world.record(said, "nothing", ADA)
        assert "no SSH signature alone" in the_refusal(judged(world))


class TestAuthors:
    def test_the_authors_own(self, world: World, people: dict[str, Key]) -> None:
        world.signed(people["ada"], ADA)
        found = judged(world, authors=["Ada L. <ADA@Example.com>", AUTHOR])
        assert the_refusal(found) == "ada@example.com is an author of digits 1.1.0: somebody else must sign"
        assert "2 of bob@example.com, carol@example.com must sign" in found.requirement.remedy

    def test_under_another_name_of_the_same_person(self, people: dict[str, Key]) -> None:
        world = World(prod(file_of(people, "ada", "bob") + people["ada2"].line("ada@example.com,al@home.example")))
        world.signed(people["ada"], ADA)
        assert "is an author" in the_refusal(judged(world, authors=["Al <al@home.example>"]))

    def test_where_the_policy_lets_them(self, people: dict[str, Key]) -> None:
        world = World(prod(file_of(people, "ada"), required=1, author_may_sign=True))
        world.signed(people["ada"], ADA)
        assert judged(world, authors=[f"Ada <{ADA}>"]).requirement
        assert judged(world, authors=[]).requirement

    @pytest.mark.parametrize("authors", [[], ["Ada"], ["Ada <>"], [AUTHOR, "unknown <>"], ["x@y"]])
    def test_who_are_not_known_leave_it_unjudged(
        self, world: World, people: dict[str, Key], authors: list[str]
    ) -> None:
        world.signed(people["ada"], ADA)
        found = judged(world, authors=authors)
        assert "who wrote digits 1.1.0 is not known" in the_refusal(found)
        assert "release a commit whose authors have e-mail addresses" in found.requirement.remedy

    def test_a_signer_without_an_address_cannot_be_told_from_them(self, people: dict[str, Key]) -> None:
        world = World(prod(people["ada"].line("ada"), required=1))
        world.signed(people["ada"], "ada")
        assert "give no e-mail address of ada" in the_refusal(judged(world))

    def test_an_author_may_reject_and_take_it_back(self, world: World, people: dict[str, Key]) -> None:
        authors = [f"Carol <{CAROL}>"]
        for name in ("ada", "bob"):
            world.signed(people[name], f"{name}@example.com")
        world.signed(people["carol"], CAROL, decision=Decision.REJECT)
        assert judged(world, authors).requirement.why.startswith("rejected by carol")
        world.signed(people["carol"], CAROL)
        found = judged(world, authors)
        assert found.requirement
        assert len(found.counted) == 2
        assert found.refused == ()

    @pytest.mark.parametrize(
        ("author", "mail"),
        [
            ("Ada <Ada@Example.com>", "ada@example.com"),
            ("Ada <x> <ada@example.com>", "ada@example.com"),
            ("Ada < ada@example.com >", "ada@example.com"),
            ("ada@example.com", ""),
            ("Ada <ada>", ""),
            ("", ""),
        ],
    )
    def test_are_known_by_their_address(self, author: str, mail: str) -> None:
        assert mail_of(author) == mail


def test_a_machine_that_cannot_verify_refuses_to_judge(world: World, people: dict[str, Key]) -> None:
    def unfit(*_: object, **__: object) -> None:
        raise SshKeygenUnfit("no ssh-keygen")

    world.signed(people["ada"], ADA)
    with pytest.raises(SshKeygenUnfit):
        judged(world, verify=unfit)


FIELDS: dict[str, Any] = {
    "model": "letters",
    "version": "1.1.1",
    "release_digest": "e" * 64,
    "environment": "staging",
    "decision": Decision.REJECT,
    "live": None,
    "policy_digest": "9" * 64,
    "reason": "looked at the page ",
    "at": NOON + timedelta(microseconds=1),
    "schema_version": 1,
}


@pytest.mark.parametrize("changed", FIELDS)
def test_a_signature_holds_for_no_other_value_of_any_field(world: World, people: dict[str, Key], changed: str) -> None:
    assert FIELDS.keys() == Statement.model_fields.keys() - {"statement"}
    said = world.statement()
    signature = sign(said.encoded(), people["ada"].path, NAMESPACE)
    other = Statement.model_validate(said.model_dump() | {changed: FIELDS[changed]})
    allowed = world.environment.approvals.signers
    ssh_signatures.verify(said.encoded(), signature, allowed, principal=ADA, namespace=NAMESPACE, at=NOON)
    with pytest.raises(BadSignature, match="forged"):
        ssh_signatures.verify(other.encoded(), signature, allowed, principal=ADA, namespace=NAMESPACE, at=NOON)


def unverified(*_: object, principal: str, namespace: str, at: datetime) -> None:
    """A verifier that believes everything: what is left is the counting."""
    assert principal
    assert namespace == NAMESPACE
    assert at


def key_text(number: int) -> str:
    return str(from_blob(wire_string(b"ssh-ed25519") + wire_string(bytes([number]) * 32)))


@given(
    events=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.sampled_from(Decision)), max_size=12),
    required=st.integers(1, 4),
    author=st.integers(0, 4),
)
@settings(max_examples=150, deadline=None)
def test_who_decided_what_last_is_what_counts(
    events: list[tuple[int, int, Decision]], required: int, author: int
) -> None:
    """Four people with two keys each decide in any order; person `author` wrote the release, 4 is nobody here."""
    names = [f"p{person}@example.com" for person in range(5)]
    signers = "".join(f"{names[person]} {key_text(2 * person + key)}\n" for person in range(4) for key in range(2))
    world = World(prod(signers, required))
    last: dict[int, Decision] = {}
    for person, key, decision in events:
        made = SshSignature(from_text(*key_text(2 * person + key).split()), NAMESPACE, "sha512", b"value")
        world.record(world.statement(decision=decision), made.armoured(), names[person])
        last[person] = decision
    found = judged(world, authors=[f"Author <{names[author]}>"], verify=unverified)
    approving = {
        names[person] for person, decision in last.items() if decision is Decision.APPROVE and person != author
    }
    assert {entry.approval.signer for entry in found.counted if entry.approval} == approving
    assert len(found.counted) == len(approving)
    rejected = Decision.REJECT in last.values()
    assert found.requirement.met == (not rejected and len(approving) >= required)
    assert bool(found.requirement.remedy) != found.requirement.met
