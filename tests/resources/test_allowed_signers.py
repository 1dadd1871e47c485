"""Every line of an allowed_signers file names a person; lines that share a name or a key are one person."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.allowed_signers import BadSigners, Signer, Signers, parse, people
from resources.ssh_keys import PublicKey, from_blob, wire_string

NAMESPACE = "test@example"
DAY = datetime(2026, 11, 20, tzinfo=UTC)


def public(number: int) -> PublicKey:
    return from_blob(wire_string(b"ssh-ed25519") + wire_string(bytes([number]) * 32))


ADA, BOB = public(1), public(2)


def one(text: str) -> Signer:
    (line,) = parse(text).lines
    return line


def test_a_line_gives_a_person_a_key() -> None:
    text = f"# who may sign\n\nada@example.com {ADA} Ada's laptop\r\n\tbob@example.com,bob   {BOB}\n"
    signers = parse(text)
    assert [(line.line, line.names, line.key) for line in signers.lines] == [
        (3, ("ada@example.com",), ADA),
        (4, ("bob@example.com", "bob"), BOB),
    ]
    assert [str(person) for person in signers.people] == ["ada@example.com", "bob@example.com"]
    assert parse("# nobody yet\n") == Signers((), ())


def test_options_bound_purpose_and_time() -> None:
    line = one(f'ada namespaces="{NAMESPACE},file",valid-after="20261120",valid-before="202611211530Z" {ADA}')
    assert line.namespaces == (NAMESPACE, "file")
    assert (line.valid_after, line.valid_before) == (DAY, DAY + timedelta(days=1, hours=15, minutes=30))
    assert line.objection(NAMESPACE, DAY) is None
    assert "for test@example, file only" in str(line.objection("git", DAY))
    assert "not valid before 2026-11-20" in str(line.objection(NAMESPACE, DAY - timedelta(seconds=1)))
    end = DAY + timedelta(days=1, hours=15, minutes=30)
    assert line.objection(NAMESPACE, end + timedelta(microseconds=999_999)) is None
    assert "expired at 2026-11-21 15:30:00 UTC" in str(line.objection(NAMESPACE, end + timedelta(seconds=1)))
    assert one(f"ada {ADA}").objection("anything", DAY) is None


def test_a_moment_means_the_same_in_every_time_zone() -> None:
    line = one(f'ada valid-before="20261120000000" {ADA}')
    assert line.objection(NAMESPACE, DAY.astimezone(timezone(timedelta(hours=8)))) is None
    assert line.objection(NAMESPACE, DAY.replace(tzinfo=timezone(timedelta(hours=-8)))) is not None


def test_a_line_is_handed_on_without_what_was_not_understood() -> None:
    line = one(f'ada,ada2\tnamespaces="{NAMESPACE}",valid-before="20261120Z"   {ADA}   comment "quoted')
    assert line.text("ada2") == f'ada2 namespaces="{NAMESPACE}",valid-before="20261120000000" {ADA}\n'
    assert one(f"ada {ADA}").text("ada") == f"ada {ADA}\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"* {ADA}", r"'\*' names nobody"),
        (f"*@example.com {ADA}", "names nobody"),
        (f"ad? {ADA}", "names nobody"),
        (f"ada,!bob {ADA}", "names nobody"),
        (f'"ada" {ADA}', "names nobody"),
        (f"-ada {ADA}", "names nobody"),
        (f"ada,,bob {ADA}", "names nobody"),
        (f"ad\u0430@example.com {ADA}", "in ASCII"),
        (f"{'a' * 201} {ADA}", "names nobody"),
        (f"ada,ADA {ADA}", "the same name twice"),
        (",".join(f"n{i}" for i in range(17)) + f" {ADA}", "17 names"),
        (f"ada cert-authority {ADA}", "lets in whoever"),
        (f'ada cert-authority,namespaces="x" {ADA}', "lets in whoever"),
        (f'ada no-touch-required="" {ADA}', "'no-touch-required' is not known"),
        (f'ada Namespaces="x" {ADA}', "is not name="),
        (f"ada namespaces=x {ADA}", "is not name="),
        (f"ada namespaces {ADA}", "needs a value in double quotes"),
        (f'ada namespaces="x",namespaces="y" {ADA}', "namespaces twice"),
        (f'ada namespaces="x", {ADA}', "end with a comma"),
        (f'ada namespaces="x"valid-before="20270101" {ADA}', "is not name="),
        (f'ada namespaces="*" {ADA}', r"namespaces: '\*' names none"),
        (f'ada namespaces="" {ADA}', "names none"),
        (f'ada valid-before="2027" {ADA}', "valid-before: '2027' is no time"),
        (f'ada valid-before="20271332" {ADA}', "is no time"),
        (f'ada valid-before="20270101+08" {ADA}', "is no time"),
        (f'ada valid-after="2027010\u0661" {ADA}', "is no time"),
        (f'ada valid-after="20270101",valid-before="20270101" {ADA}', "never valid"),
        ("ada", "is not `name"),
        ("ada ssh-ed25519", "is not `name"),
        ("ada ssh-ed25519 !", "key: is not base64"),
        (f"ada ssh-rsa {str(ADA).split()[1]}", "key: is a key of type ssh-ed25519"),
        (f"ada ssh-dss {base64.b64encode(wire_string(b'ssh-dss')).decode()}", "key: .* may not sign"),
    ],
)
def test_a_line_that_says_anything_else_is_refused_by_its_number(line: str, why: str) -> None:
    with pytest.raises(BadSigners, match=why) as raised:
        parse(f"# one\nzoe@example.com {public(9)}\n{line}\n", "deploy/signers/prod")
    assert str(raised.value).startswith("deploy/signers/prod:3: ")
    assert raised.value.line == 3


def test_the_same_name_and_key_stand_once() -> None:
    with pytest.raises(BadSigners, match=r"2: ADA@example\.com has this key in line 1 already"):
        parse(f'ada@example.com {ADA}\nADA@example.com valid-before="20270101" {ADA}\n')


def test_a_file_is_bounded() -> None:
    with pytest.raises(BadSigners, match="characters: at most"):
        parse("#" * 300_000)
    with pytest.raises(BadSigners, match="lines: at most"):
        parse("\n" * 3000)


def test_who_shares_a_name_or_a_key_is_one_person() -> None:
    signers = parse(
        f"ada@example.com {public(1)}\n"
        f"bob@example.com {public(2)}\n"
        f"Ada@Example.com,ada@home.example {public(3)}\n"
        f"root {public(1)}\n"
        f"ada@home.example {public(4)}\n"
    )
    ada, bob = signers.people
    assert ada.names == ("ada@example.com", "Ada@Example.com", "ada@home.example", "root")
    assert ada.keys == (public(1), public(3), public(4))
    assert ada.mails == {"ada@example.com", "ada@home.example"}
    assert bob.names == ("bob@example.com",)
    assert signers.person("root", public(1)) is ada
    assert signers.person("root", public(3)) is None, "no line gives this name this key"
    assert signers.person("eve", public(1)) is None
    assert signers.names_of(public(1)) == ("ada@example.com", "root")
    assert signers.names_of(public(8)) == ()


small_lines = st.lists(
    st.tuples(st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=3), st.integers(0, 5)), max_size=8
)


def signer_lines(drawn: Sequence[tuple[set[str], int]]) -> tuple[Signer, ...]:
    return tuple(Signer(i, tuple(sorted(names)), public(key)) for i, (names, key) in enumerate(drawn, start=1))


@given(drawn=small_lines, order=st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_people_are_the_connected_groups_of_lines(drawn: list[tuple[set[str], int]], order: object) -> None:
    lines = signer_lines(drawn)
    found = people(lines)
    partition = {(frozenset(person.names), frozenset(person.keys)) for person in found}
    assert len(partition) == len(found)
    assert partition == _by_closure(lines)
    shuffled = list(lines)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {(frozenset(p.names), frozenset(p.keys)) for p in people(shuffled)} == partition


def _by_closure(lines: Sequence[Signer]) -> set[tuple[frozenset[str], frozenset[PublicKey]]]:
    """The same from the definition: grow from each line until nothing is added."""
    found = set()
    for line in lines:
        names, keys = set(line.names), {line.key}
        for _ in lines:
            for other in lines:
                if other.key in keys or names & set(other.names):
                    names |= set(other.names)
                    keys |= {other.key}
        found.add((frozenset(names), frozenset(keys)))
    return found
