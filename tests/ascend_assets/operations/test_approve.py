"""Signing for a release: what is recorded, and every signature that is refused before it is."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from approval_samples import NOON, make_people, prod, signers_file
from keys import Key
from races import race
from registry_samples import deploy, release

from ascend_assets.environments import Environment, Environments, NoSuchEnvironment
from ascend_assets.gates.approvals import judge
from ascend_assets.operations.approve import ApprovalRefused, Signed, approve, statement
from ascend_assets.stage import Tools
from resources.home import PROJECT
from resources.registry.approvals import NAMESPACE, Decision, Statement
from resources.registry.ledger import Entry, Kind, Ledger, LedgerMoved
from resources.registry.manifests import NotReleased
from resources.registry.releases import Registry, Release
from resources.ssh_signatures import CannotSign, sign, verify
from resources.store.blobs import Blobs, FolderStore

AUTHOR = "Zoe <zoe@example.com>"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Key]:
    return make_people(tmp_path_factory.mktemp("people"), "ada", "bob", "carol", "ada2", "eve")


@dataclass
class World:
    """A store with digits 1.0.0 live in prod and 1.1.0 published, a policy and a clock."""

    people: dict[str, Key]
    store: FolderStore
    policy: Environment
    now: datetime = NOON
    published: dict[str, Release] = field(default_factory=dict)

    @property
    def tools(self) -> Tools:
        return Tools(
            blobs=Blobs(self.store),
            registry=Registry(self.store),
            ledger=Ledger(self.store),
            toolchain=cast("Any", None),  # no signature asks for one
            repository=self.store.root,
            environments=Environments((Environment(name="dev"), self.policy)),
            now=lambda: self.now,
        )

    def publish(self, version: str, **fields: Any) -> Release:
        made = release(self.tools.blobs, version, **{"authors": (AUTHOR,)} | fields)
        self.tools.registry.publish(made)
        self.published[version] = made
        return made

    def deploy(self, version: str) -> None:
        deploy(self.tools.ledger, self.published[version], environment="prod", at=self.now)

    def approve(self, who: str = "ada", **fields: Any) -> Entry:
        """Sign here, with somebody's key."""
        own = {"key": self.people[who].path} | self.request() | {"reason": "looked at the page"}
        return approve(self.tools, **own | fields)

    def statement(self, decision: Decision = Decision.APPROVE, **fields: Any) -> Statement:
        """What is written to be signed elsewhere, but for `fields`."""
        made = statement(self.tools, "digits", "1.1.0", "prod", decision, "looked at the page")
        return Statement.model_validate(made.model_dump() | fields)

    def bring(self, signed: Statement | bytes, who: str = "ada", **fields: Any) -> Entry:
        """Bring back what somebody signed elsewhere."""
        data = signed if isinstance(signed, bytes) else signed.encoded()
        made = Signed(data, sign(data, self.people[who].path, NAMESPACE))
        return approve(self.tools, **{"signed": made} | self.request() | fields)

    def request(self) -> dict[str, Any]:
        return {
            "name": "digits",
            "version": "1.1.0",
            "environment": "prod",
            "decision": Decision.APPROVE,
            "actor": "somebody",
        }

    def history(self) -> list[str]:
        return [entry.kind.value for entry in self.tools.ledger.history("prod", "digits")]

    def counted(self) -> int:
        made = self.published["1.1.0"]
        judged = judge(
            self.policy,
            name="digits",
            version="1.1.0",
            digest=made.digest,
            authors=made.authors,
            present=self.tools.ledger.present("prod", "digits"),
            now=self.now,
            verify=verify,
        )
        assert judged.refused == ()
        return len(judged.counted)


@pytest.fixture
def world(people: dict[str, Key], tmp_path: Path) -> World:
    allowed = signers_file({name: people[name] for name in ("ada", "bob", "carol")})
    made = World(people, FolderStore(tmp_path / "store"), prod(allowed))
    made.publish("1.0.0", weights=b"old")
    made.publish("1.1.0")
    made.deploy("1.0.0")
    return made


class TestRecorded:
    def test_a_signature_is_an_entry_that_keeps_statement_signer_and_policy(self, world: World) -> None:
        live = world.tools.ledger.live("prod", "digits")
        entry = world.approve("ada")
        assert world.history() == ["deploy", "approve"]
        assert world.tools.ledger.current("prod", "digits") == entry
        assert (entry.kind, entry.version, entry.actor, entry.at) == (Kind.APPROVE, "1.1.0", "somebody", NOON)
        assert entry.approval is not None
        said = entry.approval.statement
        assert live is not None
        assert (said.live, said.reason, said.at) == (live.digest, "looked at the page", NOON)
        assert entry.approval.signer == "ada@example.com"
        assert world.tools.blobs.read(entry.policy_digest) == world.policy.encoded()
        assert world.tools.ledger.live("prod", "digits") == live, "a signature makes nothing live"
        assert world.counted() == 1

    def test_everybody_signs_under_the_first_name_of_his_key_or_the_one_he_gives(
        self, world: World, people: dict[str, Key]
    ) -> None:
        world.policy = prod(
            people["ada"].line("ada@old.example", 'valid-before="20200101"')
            + people["ada"].line("ada@example.com,ada@work.example")
        )
        first = world.approve("ada", dry_run=True)
        second = world.approve("ada", dry_run=True, signer="ada@work.example")
        assert [entry.approval.signer for entry in (first, second) if entry.approval] == [
            "ada@example.com",
            "ada@work.example",
        ]
        with pytest.raises(ApprovalRefused, match=r"is not bob@example\.com's but ada@old\.example, "):
            world.approve("ada", signer="bob@example.com")

    def test_a_dry_run_judges_and_writes_nothing(self, world: World) -> None:
        before = list(world.store.list())
        assert world.approve("ada", dry_run=True).sequence == 2
        assert list(world.store.list()) == before
        with pytest.raises(ApprovalRefused):
            world.approve("eve", dry_run=True)

    def test_a_rejection_is_recorded_and_taken_back_by_the_same_person(self, world: World) -> None:
        world.approve("ada", decision=Decision.REJECT, reason="it is biased")
        with pytest.raises(ApprovalRefused, match=r"ada@example\.com is counted already"):
            world.approve("ada", decision=Decision.REJECT)
        world.approve("ada")
        assert world.history() == ["deploy", "reject", "approve"]
        assert world.counted() == 1

    def test_where_nothing_is_live_the_first_release_is_signed(self, world: World, tmp_path: Path) -> None:
        world.store = FolderStore(tmp_path / "another")
        world.publish("1.1.0")
        assert world.approve("ada").sequence == 1
        assert world.counted() == 1

    def test_people_who_sign_at_once_are_all_recorded(self, world: World) -> None:
        said = race(lambda me: str(world.approve(("ada", "bob", "carol")[me]).kind), 3)
        assert said == ["approve"] * 3
        assert world.counted() == 3


class TestSignedElsewhere:
    def test_the_statement_goes_out_and_comes_back_with_its_signature(self, world: World, tmp_path: Path) -> None:
        out = tmp_path / "statement"
        out.write_bytes(world.statement().encoded())
        Key.ssh_keygen("-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(world.people["bob"].path), str(out))
        world.now += timedelta(minutes=14)
        signed = Signed(out.read_bytes(), (tmp_path / "statement.sig").read_text())
        entry = approve(world.tools, signed=signed, **world.request())
        assert entry.approval is not None
        assert entry.approval.statement.encoded() == out.read_bytes()
        assert (entry.approval.signer, entry.reason) == ("bob@example.com", "looked at the page")
        assert entry.at - entry.approval.statement.at == timedelta(minutes=14)
        assert world.counted() == 1

    def test_a_signature_is_kept_in_one_form_however_its_lines_were_broken(self, world: World) -> None:
        data = world.statement().encoded()
        text = sign(data, world.people["ada"].path, NAMESPACE)
        mangled = "  " + text.replace("\n", " \r\n") + "\n\n"
        entry = approve(world.tools, signed=Signed(data, mangled), **world.request())
        assert entry.approval is not None
        assert entry.approval.signature == text

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda data: data + b"\n", "not in canonical JSON"),
            (lambda data: json.dumps(json.loads(data), indent=1).encode(), "not in canonical JSON"),
            (lambda data: data.replace(b"+00:00", b"Z").replace(b'Z"', b'+0000"'), "canonical|at:"),
            (lambda data: data.replace(b"{", b'{"also":"digits 9.0.0",', 1), "also: Extra inputs"),
            (lambda data: data.replace(b"{", b'{"version":"9.0.0",', 1), "not in canonical JSON"),
            (lambda data: data.replace(b'"approve"', b'"perhaps"'), "decision: "),
            (lambda data: data[:-1], "the statement: "),
            (lambda _: b"", "the statement: "),
            (lambda data: data + b" " * 300_000, "bring back the file that was written"),
        ],
    )
    def test_a_statement_has_one_encoding(self, world: World, change: Callable[[bytes], bytes], why: str) -> None:
        data = change(world.statement().encoded())
        assert data != world.statement().encoded()
        with pytest.raises(ApprovalRefused, match=why):
            world.bring(data)
        assert world.history() == ["deploy"]

    @pytest.mark.parametrize("more", ["trailing", "-----BEGIN SSH SIGNATURE-----\n", "\x00"])
    def test_a_signature_with_something_behind_it_is_refused(self, world: World, more: str) -> None:
        data = world.statement().encoded()
        text = sign(data, world.people["ada"].path, NAMESPACE) + more
        with pytest.raises(ApprovalRefused, match="the signature is refused: its text is no SSH signature alone"):
            approve(world.tools, signed=Signed(data, text), **world.request())

    def test_it_must_be_what_was_asked_for(self, world: World) -> None:
        said = world.statement(decision=Decision.REJECT)
        with pytest.raises(ApprovalRefused, match="the statement says reject, not approve"):
            world.bring(said)
        with pytest.raises(ApprovalRefused, match="the reason that was signed is another"):
            world.bring(world.statement(), reason="I like it")
        assert world.bring(said, decision=Decision.REJECT, reason="looked at the page").kind is Kind.REJECT


class TestRefused:
    def test_a_forged_signature(self, world: World) -> None:
        other = sign(world.statement(reason="another").encoded(), world.people["ada"].path, NAMESPACE)
        with pytest.raises(ApprovalRefused, match="it is forged"):
            approve(world.tools, signed=Signed(world.statement().encoded(), other), **world.request())

    def test_one_for_another_purpose(self, world: World) -> None:
        data = world.statement().encoded()
        with pytest.raises(ApprovalRefused, match="it was made for 'git'"):
            approve(world.tools, signed=Signed(data, sign(data, world.people["ada"].path, "git")), **world.request())

    def test_one_for_another_release(self, world: World) -> None:
        with pytest.raises(ApprovalRefused, match=r"signed for digits 1\.2\.0, not for digits 1\.1\.0"):
            world.bring(world.statement(version="1.2.0"))
        with pytest.raises(ApprovalRefused, match=r"signed for letters 1\.1\.0"):
            world.bring(world.statement(model="letters"))
        with pytest.raises(ApprovalRefused, match=r"another manifest of digits 1\.1\.0"):
            world.bring(world.statement(release_digest="e" * 64))

    def test_one_for_another_environment(self, world: World) -> None:
        with pytest.raises(ApprovalRefused, match="signed for staging, not for prod"):
            world.bring(world.statement(environment="staging"))

    def test_one_for_another_live_deployment(self, world: World) -> None:
        said = world.statement()
        world.publish("1.0.1", weights=b"other")
        world.deploy("1.0.1")
        with pytest.raises(ApprovalRefused, match="another deployment was live in prod"):
            world.bring(said)

    def test_one_given_before_the_policy_changed(self, world: World) -> None:
        said = world.statement()
        world.policy = world.policy.model_copy(update={"soak_hours": 12.0})
        with pytest.raises(ApprovalRefused, match="under another policy of prod"):
            world.bring(said)

    def test_a_replayed_one(self, world: World) -> None:
        said = world.statement()
        world.bring(said)
        world.now += timedelta(seconds=1)
        world.approve("ada", decision=Decision.REJECT)
        with pytest.raises(ApprovalRefused, match=r"it is a replay: .* this very statement in entry 2"):
            world.bring(said)
        assert world.history() == ["deploy", "approve", "reject"]

    def test_one_that_its_signer_has_overtaken(self, world: World) -> None:
        said = world.statement()
        world.now += timedelta(minutes=1)
        world.approve("ada", decision=Decision.REJECT)
        with pytest.raises(ApprovalRefused, match=r"signed before ada@example\.com's later decision in entry 2"):
            world.bring(said)

    @pytest.mark.parametrize("minutes", [-16, 16])
    def test_one_of_another_time(self, world: World, minutes: int) -> None:
        said = world.statement(at=NOON - timedelta(minutes=minutes))
        with pytest.raises(ApprovalRefused, match="more than 15 minutes apart: sign again, and record it at once"):
            world.bring(said)

    @pytest.mark.parametrize(
        ("options", "why"),
        [
            ('valid-before="20261101"', "expired at 2026-11-01"),
            ('valid-after="20261201"', "not valid before 2026-12-01"),
            ('namespaces="git"', "may sign for git only"),
        ],
    )
    def test_one_by_a_key_that_may_not_sign_now(self, world: World, options: str, why: str) -> None:
        world.policy = prod(signers_file({"ada": world.people["ada"]}, options))
        with pytest.raises(ApprovalRefused, match=why):
            world.approve("ada")

    def test_one_by_somebody_who_may_not_sign(self, world: World) -> None:
        with pytest.raises(ApprovalRefused, match=r"SHA256:.* is nobody's who may sign for prod: .* file of signers"):
            world.approve("eve")
        world.policy = prod("broken\n")
        with pytest.raises(ApprovalRefused, match="nobody may sign: signers of prod:1"):
            world.approve("ada")

    def test_the_authors_own(self, world: World) -> None:
        world.publish("1.2.0", weights=b"w2", authors=(AUTHOR, "Ada <Ada@Example.com>"))
        with pytest.raises(ApprovalRefused, match=r"ada@example.com is an author of digits 1\.2\.0: somebody else"):
            world.approve("ada", version="1.2.0")
        world.publish("1.3.0", weights=b"w3", authors=())
        with pytest.raises(ApprovalRefused, match=r"who wrote digits 1\.3\.0 is not known"):
            world.approve("ada", version="1.3.0")

    def test_the_same_person_twice_under_two_keys(self, world: World) -> None:
        second = world.people["ada2"].line("ada@home.example,ada@example.com")
        world.policy = prod(world.policy.approvals.signers + second)
        world.approve("ada")
        world.now += timedelta(seconds=1)
        with pytest.raises(
            ApprovalRefused, match=r"counted already, by entry 2 as ada@example\.com: one person counts once"
        ):
            world.approve("ada2", signer="ada@home.example")
        assert world.history() == ["deploy", "approve"]

    def test_where_no_signature_is_wanted(self, world: World) -> None:
        with pytest.raises(ApprovalRefused, match="dev takes releases without signatures"):
            world.approve("ada", environment="dev")

    def test_what_is_live_already(self, world: World) -> None:
        with pytest.raises(ApprovalRefused, match=r"1\.0\.0 is live in prod already .* ascend model rollback digits"):
            world.approve("ada", version="1.0.0")

    def test_what_is_not_there(self, world: World) -> None:
        with pytest.raises(NoSuchEnvironment):
            world.approve("ada", environment="mars")
        with pytest.raises(NotReleased):
            world.approve("ada", version="7.0.0")
        with pytest.raises(CannotSign):
            world.approve("ada", key=Path("/nowhere/key"))

    @pytest.mark.parametrize("reason", ["", "  \n", "x" * 2001])
    def test_without_a_reason(self, world: World, reason: str) -> None:
        with pytest.raises(ApprovalRefused, match="say why, in at most 2000 characters"):
            world.approve("ada", reason=reason)
        with pytest.raises(ApprovalRefused, match="say why"):
            world.bring(world.statement(reason=reason))

    def test_without_a_key_and_with_two_signatures(self, world: World) -> None:
        with pytest.raises(ApprovalRefused, match="one of the two"):
            world.approve("ada", key=None)
        with pytest.raises(ApprovalRefused, match="one of the two"):
            world.approve("ada", signed=Signed(b"", ""))


class TestOvertaken:
    def test_by_a_deployment_it_is_void(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.publish("1.0.1", weights=b"other")
        append = Ledger.append

        def overtaken(ledger: Ledger, entry: Entry) -> str:
            monkeypatch.setattr(Ledger, "append", append)
            world.deploy("1.0.1")
            return append(ledger, entry)

        monkeypatch.setattr(Ledger, "append", overtaken)
        with pytest.raises(
            ApprovalRefused, match=r"another deployment was live.* Live is entry 2 \(deploy digits 1\.0\.1"
        ):
            world.approve("ada")
        assert world.history() == ["deploy", "deploy"]

    def test_by_others_without_end_it_gives_up_and_says_who_won(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        winner = world.tools.ledger.current("prod", "digits")
        tried = []

        def never(_: Ledger, entry: Entry) -> str:
            tried.append(entry)
            raise LedgerMoved(entry, winner)

        monkeypatch.setattr(Ledger, "append", never)
        monkeypatch.setattr("ascend_assets.operations.approve.ssh_signatures.verify", lambda *_, **__: None)
        with pytest.raises(LedgerMoved, match="won: entry 1"):
            world.approve("ada")
        assert 2 <= len(tried) <= 50


def test_a_bundle_is_signed_for_as_a_whole(world: World) -> None:
    from registry_samples import bundle

    from resources.registry.bundles import Bundles

    made = bundle(world.tools.blobs, replace_model(world, "encoder"), replace_model(world, "decoder"))
    Bundles(world.store).publish(made)
    entry = world.approve("ada", name="speech", version="1.0.0")
    assert (entry.model, entry.release_digest) == ("speech", made.digest)


def replace_model(world: World, name: str) -> Release:
    made = release(world.tools.blobs, model=name, authors=(AUTHOR,))
    world.tools.registry.publish(made)
    return made


def test_signing_imports_nothing_heavy() -> None:
    program = (
        "import sys, ascend_assets.operations.approve\n"
        "print(*{'dagster', 'numpy', 'onnx', 'onnxruntime', 'boto3', 'pandas'} & sys.modules.keys())"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True, capture_output=True, text=True)
    assert said.stdout.strip() == ""
