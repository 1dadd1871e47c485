"""A public key has one encoding, and only keys that are fit for signing are taken."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keys import make_key

from resources.ssh_keys import BadKey, from_base64, from_blob, from_text, wire_string

ED25519 = wire_string(b"ssh-ed25519") + wire_string(b"k" * 32)
LARGE = b"\0" + b"\xff" * 256


def rsa(modulus: bytes, exponent: bytes = b"\x01\x00\x01") -> bytes:
    return wire_string(b"ssh-rsa") + wire_string(exponent) + wire_string(modulus)


def ecdsa(curve: bytes, point: bytes) -> bytes:
    return wire_string(b"ecdsa-sha2-nistp256") + wire_string(curve) + wire_string(point)


@pytest.mark.parametrize(("kind", "bits"), [("ed25519", 0), ("ecdsa", 256), ("ecdsa", 521), ("rsa", 2048)])
def test_keys_that_ssh_keygen_makes_are_taken(tmp_path: Path, kind: str, bits: int) -> None:
    key = make_key(tmp_path, kind=kind, bits=bits)
    algorithm, encoded = key.public.split()
    read = from_text(algorithm, encoded)
    assert read.kind == algorithm
    assert str(read) == key.public
    assert read.fingerprint == key.fingerprint()


@pytest.mark.parametrize("kind", [b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com"])
def test_keys_of_security_keys_are_taken(kind: bytes) -> None:
    inside = wire_string(b"k" * 32) if b"ed25519" in kind else wire_string(b"nistp256") + wire_string(b"\4" + b"p" * 64)
    blob = wire_string(kind) + inside + wire_string(b"ssh:")
    assert from_blob(blob).kind == kind.decode()


@pytest.mark.parametrize(
    ("blob", "why"),
    [
        (b"", "too early"),
        (ED25519[:-1], "too early"),
        (ED25519 + b"\0", "do not belong"),
        (wire_string(b"ssh-ed25519") + wire_string(b"k" * 31), "32 bytes"),
        (wire_string(b"ssh-dss") + wire_string(b"k"), "may not sign"),
        (wire_string(b"ssh-ed25519-cert-v01@openssh.com") + wire_string(b"k" * 32), "may not sign"),
        (wire_string(b"sk-ssh-rsa@openssh.com"), "may not sign"),
        (wire_string("schlüssel".encode()), "not ASCII"),
        (rsa(b"\0" + b"\xff" * 128), "1024 bits"),
        (rsa(b"\0" + LARGE), "shortest"),
        (rsa(b"\xff" * 256), "not positive"),
        (rsa(LARGE, b""), "not positive"),
        (ecdsa(b"nistp384", b"\4" + b"p" * 64), "no point"),
        (ecdsa(b"nistp256", b"\2" + b"p" * 32), "no point"),
        (ecdsa(b"nistp256", b"\2" + b"p" * 64), "no point"),
        (b"\xff\xff\xff\xff", "too early"),
        (b"k" * 9000, "longer than any key"),
    ],
)
def test_what_is_no_fit_key_is_refused(blob: bytes, why: str) -> None:
    with pytest.raises(BadKey, match=why):
        from_blob(blob)


def test_a_line_must_name_the_key_it_holds() -> None:
    with pytest.raises(BadKey, match="of type ssh-ed25519, but the line says ssh-rsa"):
        from_text("ssh-rsa", base64.b64encode(ED25519).decode())
    with pytest.raises(BadKey, match="longer than any key"):
        from_text("ssh-rsa", "A" * 20_000)


@pytest.mark.parametrize("text", ["AA=", "AA==\n", "AB==", "A A=", "A\u00e4==", "AA=A", "AA-_"])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(BadKey, match="base64"):
        from_base64(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_key_with_this_very_encoding_or_refused(data: bytes) -> None:
    for blob in (data, ED25519[:20] + data, ED25519 + data):
        try:
            assert from_blob(blob).blob == blob
        except BadKey:
            continue
