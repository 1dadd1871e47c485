"""A signature's text is read strictly, and stored in one form."""

import base64
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keys import Key, make_key

from resources.ssh_armour import BadSignature, SshSignature, normal_form, parse
from resources.ssh_keys import wire_string
from resources.ssh_signatures import sign

BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def text(key: Key) -> str:
    return sign(b"message", key.path, "test@example")


def body(text: str) -> bytes:
    return base64.b64decode("".join(text.split("\n")[1:-2]))


def armoured(data: bytes) -> str:
    return f"{BEGIN}\n{base64.b64encode(data).decode()}\n{END}\n"


def test_it_says_whose_key_made_it_and_for_what(text: str, key: Key) -> None:
    signature = parse(text)
    assert str(signature.key) == key.public
    assert (signature.namespace, signature.hash_algorithm) == ("test@example", "sha512")


def test_the_normal_form_is_what_ssh_keygen_writes(key: Key, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"message")
    key.ssh_keygen("-Y", "sign", "-q", "-n", "test@example", "-f", str(key.path), str(tmp_path / "m"))
    written = (tmp_path / "m.sig").read_text()
    assert normal_form(written) == written


def test_where_lines_are_broken_is_no_matter(text: str) -> None:
    one_line = f"{BEGIN}{''.join(text.splitlines()[1:-1])}{END}"
    for wrapped in (one_line, text.replace("\n", "\r\n"), f"\n  {text}\n", text.replace("\n", "\n  ")):
        assert wrapped != text
        assert normal_form(wrapped) == text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t + "more", "no SSH signature alone"),
        (lambda t: "Subject: x\n" + t, "no SSH signature alone"),
        (lambda t: t + t, "base64"),
        (lambda _: "", "no SSH signature alone"),
        (lambda _: BEGIN + "\n", "no SSH signature alone"),
        (lambda _: f"{BEGIN}{END}", "too early"),
        (lambda t: t.replace("SSH SIGNATURE", "PGP SIGNATURE"), "no SSH signature alone"),
        (lambda t: t.replace("\n", "\n!", 2), "base64"),
        (lambda t: t.replace("\n", "\n\u00e4", 2), "base64"),
        (lambda t: armoured(body(t) + b"\0"), "do not belong"),
        (lambda t: armoured(body(t)[:-1]), "too early"),
        (lambda t: armoured(b"SSHSIG\0\0\0\2" + body(t)[10:]), "version 1"),
        (lambda t: armoured(body(t).replace(wire_string(b"sha512"), wire_string(b"sha1"))), "no signer writes"),
        (lambda t: armoured(body(t).replace(wire_string(b"test@example"), wire_string(b"test\x1b[2J"))), "no signer"),
        (
            lambda t: armoured(
                body(t).replace(b"\0\0\0\0" + wire_string(b"sha512"), b"\0\0\0\1x" + wire_string(b"sha512"))
            ),
            "no signer writes",
        ),
        (lambda _: "A" * 20_000, "more than any signature"),
    ],
)
def test_anything_else_is_refused(text: str, change: object, why: str) -> None:
    assert callable(change)
    changed = change(text)
    assert changed != text
    with pytest.raises(BadSignature, match=why):
        parse(changed)


@given(
    value=st.binary(max_size=300), namespace=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=50)
)
@settings(max_examples=50, deadline=None)
def test_reading_and_writing_are_inverse(text: str, value: bytes, namespace: str) -> None:
    made = SshSignature(parse(text).key, namespace, "sha256", value)
    assert parse(made.armoured()) == made


@given(at=st.integers(0, 10_000), to=st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_no_two_normal_forms_mean_the_same(text: str, at: int, to: int) -> None:
    data = bytearray(body(text))
    data[at % len(data)] = to
    try:
        changed = parse(armoured(bytes(data)))
    except BadSignature:
        return
    assert (changed == parse(text)) == (bytes(data) == body(text))
    assert body(changed.armoured()) == bytes(data)
