"""What another version of the toolchain compiled is stale, and who has to build it again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moving import World, make_world

from ascend_assets.operations import stale
from ascend_assets.operations.stale import CANDIDATE, Compiled
from resources.ascend.toolchain import ToolchainIdentity
from resources.registry.ledger import entry_key


def cann(version: str = "7.7.0.1.238", cann: str = "8.1.RC1") -> ToolchainIdentity:
    return ToolchainIdentity(name="cann", version=version, cann=cann, origin="measured")


EMULATOR = ToolchainIdentity(name="emulator", version="1", cann="8.1.RC1", origin="emulated")
OLD = cann("7.6.0.1.220", "8.0.0")


def compiled(toolchain: ToolchainIdentity, where: str = CANDIDATE, model: str = "m", target: str = "t") -> Compiled:
    return Compiled(model, target, where, "1.0.0", toolchain)


@pytest.mark.parametrize(
    ("made_by", "now", "state", "why"),
    [
        (cann(), cann(), "current", "compiled by cann 7.7.0.1.238 (CANN 8.1.RC1), which is in force"),
        (OLD, cann(), "stale", "compiled by cann 7.6.0.1.220 (CANN 8.0.0); in force is cann 7.7.0.1.238"),
        (cann(), OLD, "stale", "in force is cann 7.6.0.1.220"),
        (EMULATOR, cann(), "foreign", "compiled by emulator 1 (CANN 8.1.RC1); here is cann"),
        (cann(), EMULATOR, "foreign", "here is emulator"),
    ],
)
def test_the_toolchain_in_force_is_compared(
    made_by: ToolchainIdentity, now: ToolchainIdentity, state: str, why: str
) -> None:
    judged = stale.judge(compiled(made_by), now)
    assert judged.state == state
    assert bool(judged) == (state == "current")
    assert why in judged.why


def test_a_matrix_is_in_the_order_of_its_names() -> None:
    every = [compiled(cann(), where, model, target) for model in "ba" for target in "dc" for where in ("prod", "dev")]
    rows = [(one.compiled.model, one.compiled.target, one.compiled.where) for one in stale.matrix(every, cann())]
    assert rows == sorted(rows)
    assert len(rows) == len(every)


@pytest.mark.parametrize(
    ("rows", "models"),
    [
        ([compiled(OLD)], ("m",)),
        ([compiled(cann())], ()),
        ([compiled(OLD), compiled(cann(), target="u")], ("m",)),
        ([compiled(cann()), compiled(OLD, "prod")], ()),
        ([compiled(OLD, "prod")], ("m",)),
        ([compiled(EMULATOR), compiled(EMULATOR, "dev")], ()),
        ([compiled(OLD, model="b"), compiled(OLD, model="a")], ("a", "b")),
    ],
    ids=["candidate", "current", "one target", "waits for a promotion", "no candidate here", "foreign", "two models"],
)
def test_a_model_is_built_again_if_its_candidate_is_stale(rows: list[Compiled], models: tuple[str, ...]) -> None:
    assert stale.to_rebuild(stale.matrix(rows, cann())) == models


IDENTITIES = st.sampled_from([cann(), OLD, EMULATOR])
ROWS = st.lists(st.builds(compiled, IDENTITIES, st.sampled_from([CANDIDATE, "dev"]), st.sampled_from("ab")), max_size=8)


@given(ROWS, IDENTITIES)
def test_only_stale_models_are_built_again(rows: list[Compiled], now: ToolchainIdentity) -> None:
    judged = stale.matrix(rows, now)
    assert set(stale.to_rebuild(judged)) <= {one.compiled.model for one in judged if one.state == "stale"}


def test_a_judgement_is_about_a_record_and_a_toolchain() -> None:
    marks = {stale.mark(record * 64, now) for record in "ab" for now in (cann(), OLD, EMULATOR)}
    assert len(marks) == 6


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make_world(tmp_path / "world", monkeypatch)


def test_what_is_live_is_read_from_manifests(world: World) -> None:
    made = world.publish(0)
    world.promote(0)
    found = stale.live(world.tools, ["digits", "nothing"])
    assert found.troubles == ()
    assert {(one.model, one.where, one.name) for one in found.compiled} == {("digits", "dev", "1.0.0")}
    assert {one.target for one in found.compiled} == set(made.targets)
    assert {one.toolchain for one in found.compiled} == {made.toolchain}


def test_a_broken_ledger_hides_no_other(world: World) -> None:
    entry = world.live(0)
    world.rewrite(entry_key("dev", "digits", entry.sequence), b"{}")
    found = stale.live(world.tools, ["digits"])
    assert found.compiled == ()
    (trouble,) = found.troubles
    assert trouble.startswith("digits in dev: ")
