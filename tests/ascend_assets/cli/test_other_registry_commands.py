"""`ascend bundle`, `audit`, `store gc` and `doctor`: words, JSON and exit codes."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from governed import World

from ascend_assets.operations import doctor, gc
from ascend_assets.operations.finding import Finding
from resources.registry.ledger import entry_key
from resources.registry.releases import release_key
from resources.store.objects import blob_key

Here = Callable[..., tuple[int, str, str]]


def parsed(out: str) -> dict[str, Any]:
    (line,) = out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_bundle_is_made_and_moves_as_one(world: World, here: Here, tmp_path: Path) -> None:
    world.publish(0)
    (tmp_path / "tokens.json").write_text("{}")
    create = ("bundle", "create", "speech", "digits/v1.0.0", "--file", str(tmp_path / "tokens.json"))
    assert here(*create, "--dry-run")[1].startswith("speech 1.0.0 would be released; nothing was written\n")
    code, out, err = here(*create)
    assert (code, err) == (0, "")
    assert out.splitlines() == ["speech 1.0.0 is released", "  digits 1.0.0", "  tokens.json  2 bytes"]
    assert here(*create)[1].startswith("Nothing has changed: speech 1.0.0 holds these very releases")
    assert here("promote", "speech", "--to", "dev")[0] == 0
    assert here("model", "list", "speech")[1].splitlines()[-1].split()[:2] == ["1.0.0", "live"]
    world.publish(1)
    found = parsed(
        here("bundle", "create", "speech", "digits/1.1.0", "--file", str(tmp_path / "tokens.json"), "--json")[1]
    )
    assert (found["bundle"]["version"], found["change"], found["new"]) == ("1.1.0", "minor", True)


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("speech", "digits"), 2, "names no release: give MODEL/VERSION"),
        (("speech", "digits/9.9.9"), 2, "no release 9.9.9"),
        (("digits", "digits/1.0.0"), 1, "is a model's name"),
        (("speech",), 2, "Missing argument"),
    ],
)
def test_what_is_no_bundle_is_told(world: World, here: Here, arguments: tuple[str, ...], code: int, why: str) -> None:
    world.publish(0)
    ended, out, err = here("bundle", "create", *arguments)
    assert (ended, out, err.count("\n")) == (code, "", 1)
    assert why in err


def test_a_model_without_a_release_keeps_its_name(world: World, here: Here, tmp_path: Path) -> None:
    world.publish(0)
    (tmp_path / "defs" / "speech").mkdir()
    (tmp_path / "defs" / "speech" / "defs.yaml").touch()
    code, _, err = here("bundle", "create", "speech", "digits/1.0.0")
    assert (code, "speech is a model's name" in err) == (1, True)


def test_audit_of_ledgers_that_are_right(world: World, here: Here) -> None:
    world.to_staging(0)
    code, out, err = here("audit", "verify")
    assert code == 0
    assert [line.split()[:3] for line in out.splitlines()[2:]] == [
        ["right", "dev/digits", "1"],
        ["right", "staging/digits", "2"],
    ]
    assert "staging/digits" in err
    found = parsed(here("audit", "verify", "--env", "staging", "--deep", "--json")[1])
    assert (found["good"], [ledger["entries"] for ledger in found["ledgers"]]) == (True, [2])


def test_audit_names_the_first_wrong_entry(world: World, here: Here) -> None:
    world.to_staging(0)
    key = entry_key("staging", "digits", 1)
    world.rewrite(key, world.store.get(key).replace(b"looked at it", b"looked at me"))
    code, out, err = here("audit", "verify")
    assert code == 1
    assert "WRONG  staging/digits" in out
    assert f"\n{key}: " in out
    assert err.splitlines()[-1] == "ascend: 1 of 2 ledgers is not right, see above"
    code, out, _ = here("audit", "verify", "--json")
    assert (code, parsed(out)["good"]) == (1, False)
    assert next(one for one in parsed(out)["ledgers"] if not one["good"])["fault"]["key"] == key


def test_audit_of_nothing(world: World, here: Here) -> None:
    assert world.folder.is_dir()
    assert here("audit", "verify")[:2] == (0, "there is no ledger yet: nothing was deployed\n")
    code, _, err = here("audit", "verify", "--env", "dev")
    assert (code, err) == (2, "ascend: there is no ledger of any model in dev\n")


def test_a_checkpoint_shows_that_a_tail_was_cut_off(world: World, here: Here, tmp_path: Path) -> None:
    world.to_staging(0)
    made = here("audit", "checkpoint", "--key", str(world.grace.path), "--output", str(tmp_path / "heads.json"))
    assert (made[0], "signed where 2 ledgers end" in made[1]) == (0, True)
    against = ("--checkpoint", str(tmp_path / "heads.json"), "--signers", str(world.folder / "signers"))
    assert here("audit", "verify", *against)[0] == 0
    world.store.local(entry_key("staging", "digits", 2)).unlink()
    assert here("audit", "verify")[0] == 0
    code, out, _ = here("audit", "verify", *against)
    assert (code, "the ledger's tail was cut off" in out) == (1, True)
    code, _, err = here("audit", "verify", *against[:2])
    assert (code, "--checkpoint and --signers go together" in err) == (2, True)


def test_gc_shows_what_would_go_and_keeps_what_is_named(world: World, here: Here) -> None:
    world.publish(0)
    world.tools.blobs.put_bytes(b"left behind", "left")
    code, out, err = here("store", "gc", "--dry-run")
    assert (code, err) == (0, "")
    assert out.startswith("0 blobs of 0 bytes would go; ")
    found = parsed(here("store", "gc", "--older-than", "24h", "--json")[1])
    assert (found["blobs"], found["dry_run"]) == ([], False)
    assert found["kept"] > 5


def test_gc_tells_what_would_go_with_size_and_age(world: World, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    swept = gc.Swept((gc.Unreferenced(blob_key("a" * 64), 1234, timedelta(days=20)),), 7, dry_run=True)
    monkeypatch.setattr(gc, "gc", lambda *_, **__: swept)
    monkeypatch.setenv("COLUMNS", "120")
    assert world.folder.is_dir()
    out = here("store", "gc", "--dry-run")[1]
    assert f"1,234  20.0      {blob_key('a' * 64)}" in out
    assert out.splitlines()[-1] == "1 blobs of 1,234 bytes would go; 7 are referred to and stay"
    (blob,) = parsed(here("store", "gc", "--dry-run", "--json")[1])["blobs"]
    assert (blob["size"], blob["age_seconds"]) == (1234, 20 * 86_400)


def test_gc_that_cannot_know_what_must_stay_deletes_nothing(world: World, here: Here) -> None:
    world.publish(0)
    world.rewrite(release_key("digits", "1.0.0"), b"{}")
    code, out, err = here("store", "gc")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "nothing was deleted" in err


@pytest.mark.parametrize("age", ["2", "2w", "-1d", "1h", "23h", "999999d"])
def test_an_age_that_is_none_or_too_young_is_told(world: World, here: Here, age: str) -> None:
    assert world.folder.is_dir()
    code, out, err = here("store", "gc", "--older-than", age)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--older-than" in err


FINDINGS = (
    Finding("git", ok=True, said="2.39"),
    Finding("trivy", ok=False, said="not on PATH", remedy="install it", needed=False),
    Finding("store", ok=False, said="answers\nnothing", remedy="mend it"),
)


def test_doctor_says_what_lacks_what_is_wrong_and_what_to_do(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: FINDINGS)
    code, out, err = here("doctor")
    assert code == 1
    assert [line.split() for line in out.splitlines()] == [
        ["ok", "git", "2.39"],
        ["lacks", "trivy", "not", "on", "PATH"],
        ["->", "install", "it"],
        ["WRONG", "store", "answers\N{REPLACEMENT CHARACTER}nothing"],
        ["->", "mend", "it"],
    ]
    assert err == "ascend: 1 of 3 things must be mended first: store\n"
    monkeypatch.setattr(doctor, "examine", lambda: FINDINGS[:2])
    assert here("doctor")[0] == 0
    found = parsed(here("doctor", "--json")[1])
    assert (found["fit"], [f["name"] for f in found["findings"]]) == (True, ["git", "trivy"])
