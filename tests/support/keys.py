"""Key pairs for tests, made by ssh-keygen: who signs, and the line that allows it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Key:
    """A private key's file, and the two words of its public half."""

    path: Path
    public: str

    def line(self, names: str, options: str = "") -> str:
        """A line of an allowed_signers file."""
        return " ".join(part for part in (names, options, self.public) if part) + "\n"


def make_key(folder: Path, name: str = "key", *, kind: str = "ed25519", passphrase: str = "", bits: int = 0) -> Key:
    """A new key pair."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    size = ("-b", str(bits)) if bits else ()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", "test", "-f", str(path)],  # noqa: S607
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return Key(path, " ".join(path.with_suffix(".pub").read_text().split()[:2]))
