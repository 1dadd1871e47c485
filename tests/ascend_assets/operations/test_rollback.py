"""rollback: back to a release that was live and is still fit; a bad one is refused, and what is live stays."""

import subprocess
import sys

import pytest
from moving import World, world
from races import dies_at_call
from registry_samples import append, entry

from ascend_assets.environments import NoSuchEnvironment
from ascend_assets.operations import health
from ascend_assets.operations.rollback import RollbackRefused
from ascend_assets.stage import Tools
from resources.home import PROJECT
from resources.registry import audit
from resources.registry.admissions import Requirement
from resources.registry.ledger import Entry, Kind, LedgerMoved
from resources.registry.releases import Release, release_key

__all__ = ["world"]

TEN_THOUSAND = 10_000


def three(world: World) -> None:
    """1.0.0, 1.1.0 and 1.2.0, the last live in dev."""
    for number in range(3):
        world.live(number)
        world.wait(1)


def test_a_rollback_returns_to_the_release_before(world: World) -> None:
    three(world)
    made = world.roll_back()
    assert (made.kind, made.version, made.actor, made.reason) == (Kind.ROLLBACK, "1.1.0", "ada", "worse")
    assert world.tools.ledger.live("dev", "digits") == made
    assert audit.verify(world.store, "dev", "digits")


def test_an_entry_keeps_what_it_was_decided_on(world: World) -> None:
    three(world)
    live = world.tools.ledger.live("dev", "digits")
    made = world.roll_back()
    kept = audit.admission(world.store, made)
    assert live is not None
    assert (kept.kind, kept.version, kept.live, kept.at) == (Kind.ROLLBACK, "1.1.0", live.digest, world.moment)
    assert {r.name for r in kept.requirements} == {"was_live", "manifest", "present", "content", "loads", "approvals"}
    assert not kept.unmet
    assert world.tools.blobs.read(made.policy_digest) == world.tools.environments.get("dev").encoded()


def test_again_and_again_it_goes_back_to_what_was_never_left(world: World) -> None:
    three(world)
    assert [world.roll_back().version for _ in range(2)] == ["1.1.0", "1.0.0"]
    with pytest.raises(RollbackRefused, match="nothing in dev to return to"):
        world.roll_back()
    assert world.history()[-1] == "rollback 1.0.0"


def test_a_release_that_was_deployed_anew_is_healthy_again(world: World) -> None:
    three(world)
    world.roll_back()
    world.promote(2)
    world.live(3)
    assert world.roll_back().version == "1.2.0"


def test_a_version_can_be_named(world: World) -> None:
    three(world)
    assert world.roll_back(version="1.0.0").version == "1.0.0"
    assert world.roll_back(version="1.2.0").version == "1.2.0"


def test_what_is_live_already_is_not_returned_to(world: World) -> None:
    three(world)
    made = world.roll_back(version="1.1.0")
    assert world.roll_back(version="1.1.0") == made
    assert world.history()[3:] == ["rollback 1.1.0"]


def test_a_version_that_was_never_live_there_is_refused(world: World) -> None:
    three(world)
    world.publish(3)
    with pytest.raises(RollbackRefused, match=r"was never live in dev.*return to 1\.1\.0 or 1\.0\.0, or promote it"):
        world.roll_back(version="1.3.0")


def test_where_nothing_is_live_there_is_nothing_to_roll_back(world: World) -> None:
    world.publish(0)
    with pytest.raises(RollbackRefused, match="nothing of digits is live in dev"):
        world.roll_back()
    with pytest.raises(NoSuchEnvironment):
        world.roll_back("nowhere")


def test_a_dry_run_writes_nothing(world: World) -> None:
    three(world)
    before = sorted(world.store.list())
    assert world.roll_back(dry_run=True).version == "1.1.0"
    assert sorted(world.store.list()) == before


def lost(world: World, made: Release) -> None:
    world.store.local(f"blobs/sha256/{made.source}").unlink()


def damaged(world: World, made: Release) -> None:
    world.rewrite(f"blobs/sha256/{made.targets['Ascend310P3'].om.sha256}", b"om")


def edited(world: World, made: Release) -> None:
    forged = made.model_copy(update={"changelog": "nothing to see"})
    world.rewrite(release_key("digits", made.version), forged.encoded())


def gone(world: World, made: Release) -> None:
    world.store.local(release_key("digits", made.version)).unlink()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lost, "present: .*the store does not hold"),
        (damaged, "content: .*is damaged"),
        (edited, "manifest: .*the ledger names"),
        (gone, r"manifest: digits has no release 1\.1\.0"),
    ],
)
def test_what_is_not_fit_is_refused_and_the_next_older_one_named(world: World, spoil: object, why: str) -> None:
    three(world)
    assert callable(spoil)
    spoil(world, world.tools.registry.get("digits", "1.1.0"))
    with pytest.raises(RollbackRefused, match=why) as refusal:
        world.roll_back()
    assert "1.1.0 is not fit to return to; 1.2.0 stays in dev" in str(refusal.value)
    assert "ascend model rollback digits --env dev --version 1.0.0 --reason WHY" in str(refusal.value)
    assert [r.name for r in refusal.value.unmet]
    assert world.history() == ["deploy 1.0.0", "deploy 1.1.0", "deploy 1.2.0"]
    assert world.roll_back(version="1.0.0").version == "1.0.0"


def test_what_does_not_load_any_more_is_refused(world: World) -> None:
    made = world.publish(0, content=b"broken ")
    after = append(world.tools.ledger, entry(None, made, at=world.moment))
    made = world.publish(1)
    append(world.tools.ledger, entry(after, made, at=world.moment), after)
    with pytest.raises(RollbackRefused, match=r"(?s)loads: .*truncated.*no older one to return to"):
        world.roll_back()


def test_who_decided_on_an_older_present_is_told_that_he_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    three(world)
    look = health.of_entry

    def meanwhile(tools: Tools, looked_at: Entry) -> tuple[Requirement, ...]:
        monkeypatch.undo()
        world.live(3)
        return look(tools, looked_at)

    world.promote(2)
    monkeypatch.setattr(health, "of_entry", meanwhile)
    with pytest.raises(LedgerMoved, match=r"won: entry 4 .*1\.3\.0"):
        world.roll_back()


def test_killed_anywhere_it_can_be_done_again(world: World) -> None:
    three(world)
    point = 1
    while dies_at_call(lambda: world.roll_back(version="1.1.0"), point):
        assert audit.verify(world.store, "dev", "digits")
        assert world.roll_back(version="1.1.0").version == "1.1.0"
        assert world.history()[3:] == ["rollback 1.1.0"]
        world.store.local("environments/dev/digits/00000004.json").unlink()
        point += 401
    assert point > 401 * 4


def test_it_reads_no_further_back_than_it_must(world: World) -> None:
    three(world)
    world.live(3)
    world.rewrite("environments/dev/digits/00000001.json", b"damaged")
    assert world.roll_back().version == "1.2.0"


def test_a_fresh_process_rolls_back_behind_ten_thousand_entries(world: World) -> None:
    releases = [world.publish(number) for number in range(2)]
    policy = world.tools.blobs.put_bytes(world.tools.environments.get("dev").encoded(), "policy.json").sha256
    last = None
    folder = world.store.root / "environments" / "dev" / "digits"
    folder.mkdir(parents=True)
    for number in range(TEN_THOUSAND):
        last = entry(last, releases[number % 2], at=world.moment, policy_digest=policy)
        (folder / f"{last.sequence:08}.json").write_bytes(last.encoded())
    for _ in range(2):
        append(world.tools.ledger, entry(last, releases[0], at=world.moment, policy_digest=policy), last)
        last = world.tools.ledger.current("dev", "digits")
    code = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "from ascend_assets.policy_file import in_force\n"
        "from ascend_assets.operations.rollback import rollback\n"
        "from ascend_assets.stage import Tools\n"
        "from resources.registry.ledger import Ledger\n"
        "from resources.registry.releases import Registry\n"
        "from resources.ascend.emulator.toolchain import Emulator\n"
        "from resources.store.blobs import Blobs, FolderStore\n"
        "Emulator.open = lambda *_: None\n"
        f"store = FolderStore(Path({str(world.store.root)!r}))\n"
        "tools = Tools(blobs=Blobs(store), registry=Registry(store), ledger=Ledger(store), toolchain=Emulator(),\n"
        "    repository=Path('.'), environments=in_force(), now=lambda: datetime.now(UTC))\n"
        "print(rollback(tools, name='digits', environment='dev', actor='ada', reason='worse').version)\n"
        "print(*sorted({'dagster', 'numpy', 'onnx', 'boto3', 'onnxruntime'} & sys.modules.keys()))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    version, heavy = ended.stdout.splitlines()
    assert (version, heavy) == ("1.1.0", "")
