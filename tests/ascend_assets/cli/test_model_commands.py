"""`ascend model list|history|diff` and `show`: what a person and a script read of releases and ledgers."""

import json
from collections.abc import Callable
from typing import Any

import governed
import pytest
from governed import World

Here = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def lines(here: Here, *arguments: str) -> list[str]:
    code, out, err = here(*arguments)
    assert (code, err) == (0, "")
    return out.splitlines()


def parsed(here: Here, *arguments: str) -> dict[str, Any]:
    code, out, err = here(*arguments, "--json")
    assert (code, err) == (0, "")
    (line,) = out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_list_shows_the_state_in_every_environment_newest_first(world: World, here: Here) -> None:
    world.to_staging(0)
    world.publish(1)
    world.deploy(1)
    head, _, newest, older = lines(here, "model", "list", "digits")
    assert head.split()[:3] == ["version", "dev", "staging"]
    assert newest.split()[:3] == ["1.1.0", "live", "-"]
    assert older.startswith("1.0.0    was live  live")
    world.approve(1)
    assert "signed by 1" in lines(here, "model", "list", "digits")[2]


def test_list_as_json_has_each_state_with_its_signers(world: World, here: Here) -> None:
    world.publish(0)
    world.deploy(0)
    world.approve(0)
    found = parsed(here, "model", "list", "digits")
    assert found["live"] == {"dev": "1.0.0"}
    (release,) = found["releases"]
    assert release["live"] == ["dev"]
    assert release["states"]["dev"]["word"] == "live"
    assert release["states"]["staging"]["signed"] == ["grace@example.org"]
    assert release["targets"] == ["Ascend310P3"]


def test_list_of_an_environment_has_only_what_it_saw(world: World, here: Here) -> None:
    world.publish(0)
    world.publish(1)
    world.deploy(0)
    assert [r["version"] for r in parsed(here, "model", "list", "digits", "--env", "dev")["releases"]] == ["1.0.0"]
    assert lines(here, "model", "list", "digits", "--env", "staging") == [
        "digits has no release in staging yet: ascend run digits"
    ]
    assert [r["version"] for r in parsed(here, "model", "list", "digits", "--limit", "1")["releases"]] == ["1.1.0"]


def test_history_says_who_did_what_when_and_why(world: World, here: Here) -> None:
    entry = world.to_staging(0)
    head, _, newest, oldest = lines(here, "model", "history", "digits", "--env", "staging")
    assert head.split() == ["entry", "what", "version", "when", "by", "signed", "by", "why"]
    assert newest.split() == ["2", "live", "deploy", "1.0.0", *f"{entry.at:%Y-%m-%d %H:%M:%S}".split(), "ada", "better"]
    assert oldest.split()[1:3] == ["approve", "1.0.0"]
    assert "grace@example.org" in oldest


def test_history_as_json_is_the_entries_with_their_digests(world: World, here: Here) -> None:
    entry = world.to_staging(0)
    found = parsed(here, "model", "history", "digits", "--env", "staging")["entries"]
    assert [(e["sequence"], e["kind"], e["live"], e["holds"]) for e in found] == [
        (2, "deploy", True, True),
        (1, "approve", False, False),
    ]
    assert found[0]["digest"] == entry.digest
    assert found[1]["signer"] == "grace@example.org"


def test_history_says_that_there_is_more(world: World, here: Here) -> None:
    world.to_staging(0)
    assert lines(here, "model", "history", "digits", "--env", "staging", "--limit", "1")[-1] == (
        "older entries: --limit 2, or 0 for all"
    )
    assert len(lines(here, "model", "history", "digits", "--env", "staging", "--limit", "0")) == 4


def test_history_of_nothing_says_how_to_begin(world: World, here: Here) -> None:
    world.publish(0)
    assert lines(here, "model", "history", "digits", "--env", "dev") == [
        "dev has had nothing of digits yet: ascend promote digits --to dev --reason WHY"
    ]


def test_a_reason_cannot_move_the_cursor(world: World, here: Here) -> None:
    world.publish(0)
    assert here("promote", "digits", "--to", "dev", "--reason", "\x1b[2Jbad\nnews")[0] == 0
    text = "\n".join(lines(here, "model", "history", "digits", "--env", "dev"))
    assert "\x1b" not in text
    assert "bad\N{REPLACEMENT CHARACTER}news" in text


def test_diff_is_read_from_the_top(world: World, here: Here) -> None:
    world.publish(0)
    world.publish(1)
    found = lines(here, "model", "diff", "digits", "1.0.0", "v1.1.0")
    assert found[0] == "digits 1.0.0 -> 1.1.0   minor: answers change"
    titles = [line.partition(":")[0] for line in found if line and not line.startswith(" ") and "──" not in line]
    assert titles == ["digits 1.0.0 -> 1.1.0   minor", "signature", "files", "built from", "verdicts", "authors"]
    assert "  Ada <ada@example.org>" in found
    assert "This goes back" not in "\n".join(found)
    assert "This goes back" in "\n".join(lines(here, "model", "diff", "digits", "1.1.0", "1.0.0"))


def test_diff_shows_the_verdicts_that_changed_the_worst_first(world: World, here: Here) -> None:
    def verdict(criterion: str, value: float, *admits: str) -> dict[str, Any]:
        limits = {"dev": 20.0, "staging": 10.0}
        own = {"criterion": criterion, "target": "Ascend310P3", "value": value, "sense": "<=", "limits": limits}
        return {**own, "admits": list(admits)}

    publish(world, 0, [verdict("memory", 5.0, "dev", "staging"), verdict("latency", 5.0, "dev", "staging")])
    publish(world, 1, [verdict("memory", 4.0, "dev", "staging"), verdict("latency", 15.0, "dev")])
    found = lines(here, "model", "diff", "digits", "1.0.0", "1.1.0")
    at = found.index("verdicts: 2 changed, 0 the same")
    worse, better = found[at + 3 : at + 5]
    assert worse.split()[:5] == ["worse", "latency", "Ascend310P3", "5", "15"]
    assert "dev <= 20, staging <= 10" in worse
    assert "dev, staging -> dev" in worse
    assert better.split()[:5] == ["better", "memory", "Ascend310P3", "5", "4"]
    as_json = parsed(here, "model", "diff", "digits", "1.0.0", "1.1.0")["verdicts"]
    assert [(v["criterion"], v["direction"], v["before"]["value"], v["after"]["value"]) for v in as_json] == [
        ("memory", "better", 5.0, 4.0),
        ("latency", "worse", 5.0, 15.0),
    ]


def publish(world: World, number: int, verdicts: list[dict[str, Any]]) -> None:
    world.tools.registry.publish(governed.release(world.tools.blobs, number, verdicts=tuple(verdicts)))


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [(0.99999912, 0.99999934, ["0.99999912", "0.99999934"]), (0.5, 0.25, ["0.5", "0.25"]), (0.1, None, ["0.1", "-"])],
)
def test_diff_shows_two_values_apart(
    world: World, here: Here, before: float, after: float | None, shown: list[str]
) -> None:
    own = {"criterion": "cosine", "sense": ">=", "limits": {"dev": 0.1}, "admits": ["dev"]}
    publish(world, 0, [{**own, "value": before}])
    publish(world, 1, [{**own, "value": after}])
    (line,) = (line for line in lines(here, "model", "diff", "digits", "1.0.0", "1.1.0") if "cosine" in line)
    assert line.split()[3:5] == shown


def test_diff_of_a_verdict_that_is_no_number_is_json(world: World, here: Here) -> None:
    verdict = {"criterion": "cosine", "sense": ">=", "limits": {"dev": 0.9}, "admits": []}
    publish(world, 0, [{**verdict, "value": "NaN"}])
    publish(world, 1, [{**verdict, "value": 0.99}])
    found = parsed(here, "model", "diff", "digits", "1.0.0", "1.1.0")
    (changed,) = found["verdicts"]
    assert (changed["direction"], changed["after"]["value"]) == ("better", 0.99)
    assert "nan" in "\n".join(lines(here, "model", "diff", "digits", "1.0.0", "1.1.0"))


@pytest.mark.parametrize(
    "command",
    [
        ("model", "list", "no"),
        ("model", "history", "no", "--env", "dev"),
        ("model", "diff", "no", "1.0.0", "1.1.0"),
        ("show", "no"),
        ("show", "no/1.0.0"),
        ("promote", "no", "--to", "dev"),
        ("model", "rollback", "no", "--env", "dev", "--reason", "why"),
    ],
)
def test_a_name_that_nothing_has_is_told_with_those_that_there_are(
    world: World, here: Here, command: tuple[str, ...]
) -> None:
    world.publish(0)
    made = here("bundle", "create", "speech", "digits/1.0.0")
    assert made[0] == 0
    code, out, err = here(*command)
    assert (code, out, err) == (2, "", "ascend: no model 'no'; there are: speech\n")


@pytest.mark.parametrize(
    "command",
    [
        ("model", "list", "digits", "--env", "nowhere"),
        ("model", "history", "digits", "--env", "nowhere"),
        ("model", "rollback", "digits", "--env", "nowhere", "--reason", "why"),
        ("promote", "digits", "--to", "nowhere"),
        ("approve", "digits", "--version", "1.0.0", "--env", "nowhere", "--key", "k", "--reason", "why"),
    ],
)
def test_an_environment_that_is_not_there_is_told(world: World, here: Here, command: tuple[str, ...]) -> None:
    world.publish(0)
    code, out, err = here(*command)
    assert (code, out, err) == (2, "", "ascend: no environment 'nowhere'; there are: dev, staging\n")


def test_show_has_a_release_or_a_bundle(world: World, here: Here) -> None:
    world.tools.registry.publish(governed.release(world.tools.blobs, verdicts=()))
    world.deploy(0)
    assert here("bundle", "create", "speech", "digits/1.0.0")[0] == 0
    assert lines(here, "show", "digits/v1.0.0")[0] == "digits 1.0.0   live in: dev"
    found = lines(here, "show", "speech")
    assert found[0] == "speech 1.0.0   live in: no environment"
    assert "  release      digits/1.0.0" in found
    assert parsed(here, "show", "speech")["members"][0]["model"] == "digits"


def test_a_policy_that_is_bad_is_told_with_each_place(
    world: World, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.folder / "worse.yaml"
    path.write_text("environments:\n  - name: dev\n    bogus: 1\n    soak_hours: -1\n")
    monkeypatch.setenv("ASCEND_ENVIRONMENTS", str(path))
    code, out, err = here("model", "list", "digits")
    *problems, last = err.splitlines()
    assert (code, out) == (2, "")
    assert {problem.partition(": ")[0] for problem in problems} == {f"{path}:3", f"{path}:4"}
    assert last.startswith("ascend: the policy: its file has the 2 problems above")
    assert here("--help")[0] == 0
