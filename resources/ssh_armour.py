"""SSH signatures as text: what `ssh-keygen -Y sign` writes (OpenSSH's PROTOCOL.sshsig).

Here belong reading one strictly and writing it in its one normal form. Not here: whether it is right
(`ssh_signatures.py`), or whose key made it (`allowed_signers.py`).
"""

import base64
from dataclasses import dataclass

from resources.ssh_keys import BadKey, PublicKey, Wire, from_base64, from_blob, wire_string

MAX_ARMOUR = 16_384
"""Characters. A signature by an RSA key of 16,384 bits has 6,000."""

_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_VERSION = (1).to_bytes(4, "big")
_COLUMNS = 70
_HASHES = frozenset({"sha256", "sha512"})


class BadSignature(Exception):
    """A signature that does not count. `why` says what is wrong with it."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


@dataclass(frozen=True)
class SshSignature:
    """What a signature's text says of itself; whether it is right is another question. `value`: the signature blob."""

    key: PublicKey
    namespace: str
    hash_algorithm: str
    value: bytes

    def armoured(self) -> str:
        """The normal form, character for character as ssh-keygen writes it."""
        fields = (self.key.blob, self.namespace.encode("ascii"), b"", self.hash_algorithm.encode("ascii"), self.value)
        data = _MAGIC + _VERSION + b"".join(map(wire_string, fields))
        text = base64.b64encode(data).decode("ascii")
        lines = (text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS))
        return "\n".join((_BEGIN, *lines, _END, ""))


def parse(text: str) -> SshSignature:
    """Read a signature; where its lines are broken is no matter, all else is. Raises `BadSignature`."""
    if len(text) > MAX_ARMOUR:
        raise BadSignature(f"its text has {len(text)} characters, more than any signature: give the .sig file alone")
    stripped = text.strip()
    if not (stripped.startswith(_BEGIN) and stripped.endswith(_END) and len(stripped) >= len(_BEGIN) + len(_END)):
        raise BadSignature(
            f"its text is no SSH signature alone: it must begin with {_BEGIN!r} and end with {_END!r}, as "
            "`ssh-keygen -Y sign` writes it"
        )
    body = stripped.removeprefix(_BEGIN).removesuffix(_END)
    try:
        return _read(from_base64("".join(body.split())))
    except BadKey as error:
        raise BadSignature(f"its text cannot be read: {error}") from error


def normal_form(text: str) -> str:
    """The one text of a signature that is stored. Raises `BadSignature`."""
    return parse(text).armoured()


def _read(data: bytes) -> SshSignature:
    wire = Wire(data)
    if wire.take(len(_MAGIC)) != _MAGIC or wire.take(len(_VERSION)) != _VERSION:
        raise BadKey("holds no SSH signature of version 1")
    key_blob, namespace, reserved, algorithm, value = (
        wire.string(),
        wire.text(),
        wire.string(),
        wire.text(),
        wire.string(),
    )
    wire.end()
    if reserved or algorithm not in _HASHES or not namespace.isprintable():
        raise BadKey("has fields that no signer writes")
    return SshSignature(from_blob(key_blob), namespace, algorithm, value)
