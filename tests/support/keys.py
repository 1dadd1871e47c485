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

    def fingerprint(self) -> str:
        """As ssh-keygen shows it."""
        return self.ssh_keygen("-l", "-f", str(self.path)).split()[1]

    @staticmethod
    def ssh_keygen(*arguments: str) -> str:
        """Run ssh-keygen; what it says."""
        done = subprocess.run(
            ["ssh-keygen", *arguments],  # noqa: S607
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return done.stdout


def make_key(folder: Path, name: str = "key", *, kind: str = "ed25519", locked_with: str = "", bits: int = 0) -> Key:
    """A new key pair, whose private half may have a passphrase."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    size = ("-b", str(bits)) if bits else ()
    Key.ssh_keygen("-q", "-t", kind, *size, "-N", locked_with, "-C", "test", "-f", str(path))
    return Key(path, " ".join(path.with_suffix(".pub").read_text().split()[:2]))
