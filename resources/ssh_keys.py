"""Public keys of SSH: their bytes, read strictly, and the fingerprint that a person compares.

Here belong the wire format's strings (RFC 4251, 5) and which keys are fit for signing. Not here: whose key it is
(`allowed_signers.py`), or the format of a signature (`ssh_armour.py`).

A key has exactly one encoding here, so that nobody has the same key under two names.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

MAX_KEY_BYTES = 8 * 1024
"""An RSA key of 16,384 bits, the largest that OpenSSH takes, has 2 KiB."""

_POINT_BYTES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
_ED25519_BYTES = 32
_MIN_RSA_BITS = 2048
_UNCOMPRESSED = 4
_ECDSA = "ecdsa-sha2-"
_LENGTH_BYTES = 4


class BadKey(ValueError):
    """Bytes that are no public key, or one that is not fit for signing."""


@dataclass(frozen=True)
class PublicKey:
    """A public key that was found right. `kind` is the algorithm's name, `blob` the key as SSH transmits it."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it: `SHA256:` and base64 without padding."""
        return "SHA256:" + base64.b64encode(sha256(self.blob).digest()).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"


class Wire:
    """Reads length-prefixed strings off bytes. Raises `BadKey` where they do not fit."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def take(self, count: int) -> bytes:
        """So many bytes."""
        if count > len(self._left):
            raise BadKey(f"ends {count - len(self._left)} bytes too early")
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def string(self) -> bytes:
        """A string: its length in four bytes, and its bytes."""
        return self.take(int.from_bytes(self.take(_LENGTH_BYTES), "big"))

    def text(self) -> str:
        """A string of ASCII."""
        data = self.string()
        if not data.isascii():
            raise BadKey(f"{data[:40]!r} is not ASCII")
        return data.decode("ascii")

    def positive(self) -> int:
        """An integer above zero in the one shortest encoding (RFC 4251's mpint)."""
        data = self.string()
        value = int.from_bytes(data, "big", signed=True)
        if value <= 0 or len(data) != value.bit_length() // 8 + 1:
            raise BadKey("holds a number that is not positive, or not in its shortest encoding")
        return value

    def end(self) -> None:
        """Nothing may be left."""
        if self._left:
            raise BadKey(f"is followed by {len(self._left)} bytes that do not belong to it")


def wire_string(data: bytes) -> bytes:
    """A string as it is transmitted."""
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


def from_text(kind: str, encoded: str) -> PublicKey:
    """A key as a `.pub` file or an allowed_signers line gives it. Raises `BadKey`."""
    if len(encoded) > MAX_KEY_BYTES * 2:
        raise BadKey("is longer than any key")
    key = from_blob(from_base64(encoded))
    if key.kind != kind:
        raise BadKey(f"is a key of type {key.kind}, but the line says {kind}")
    return key


def from_base64(text: str) -> bytes:
    """Bytes of their one spelling in base64. Raises `BadKey`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKey("is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise BadKey("is not in the usual spelling of base64")
    return data


def from_blob(blob: bytes) -> PublicKey:
    """A key as SSH transmits it. Raises `BadKey`, which says why a key is not fit."""
    if len(blob) > MAX_KEY_BYTES:
        raise BadKey("is longer than any key")
    wire = Wire(blob)
    kind = wire.text()
    plain = kind.removeprefix("sk-").removesuffix("@openssh.com") if kind.startswith("sk-") else kind
    if plain == "ssh-ed25519":
        if len(wire.string()) != _ED25519_BYTES:
            raise BadKey(f"an Ed25519 key has {_ED25519_BYTES} bytes")
    elif plain.removeprefix(_ECDSA) in _POINT_BYTES and plain.startswith(_ECDSA):
        _check_ecdsa(wire, plain.removeprefix(_ECDSA))
    elif kind == "ssh-rsa":
        _check_rsa(wire)
    else:
        raise BadKey(
            f"a key of type {kind[:60]!r} may not sign: use ssh-ed25519, ecdsa-sha2-*, their sk- kinds, or ssh-rsa"
        )
    if kind != plain:
        wire.text()  # the application that a security key's key was made for
    wire.end()
    return PublicKey(kind, blob)


def _check_ecdsa(wire: Wire, curve: str) -> None:
    point_on = wire.text()
    point = wire.string()
    if point_on != curve or len(point) != _POINT_BYTES[curve] or point[0] != _UNCOMPRESSED:
        raise BadKey(f"holds no point of the curve {curve}")


def _check_rsa(wire: Wire) -> None:
    wire.positive()
    bits = wire.positive().bit_length()
    if bits < _MIN_RSA_BITS:
        raise BadKey(f"an RSA key of {bits} bits may not sign: at least {_MIN_RSA_BITS}, better an Ed25519 key")
