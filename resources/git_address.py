"""Addresses of git repositories: which are taken, and the login that goes with one.

Here belongs reading an address, and keeping its secret out of whatever is shown. Not here: asking what lies there
(`git_remote.py`).
"""

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from resources.git_command import GitError

_SCP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9_~/][^\s]*")
_HOST = re.compile(r"\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*")
_MAX_ADDRESS = 500


class RemoteError(GitError):
    """Base of what goes wrong with a remote. The message names the address, never a secret."""


class BadAddress(RemoteError):
    """An address that git must not be given."""


@dataclass(frozen=True)
class Remote:
    """Where a repository is. `protocol`: git's word for how to get there; `login`: `user:token`, empty for none."""

    address: str
    protocol: str
    login: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.address

    @property
    def encoded(self) -> str:
        """The login as HTTP's basic authentication has it."""
        return base64.b64encode(self.login.encode()).decode()

    def clean(self, text: str) -> str:
        """What git or the remote said, on one line, short, and without the secret, whoever repeats it."""
        secrets = {self.login, self.login.partition(":")[2], self.encoded} if self.login else set()
        for secret in sorted(secrets - {""}, key=len, reverse=True):
            text = text.replace(secret, "***")
        printable = "".join(c if c.isprintable() else " " for c in text)
        return " ".join(printable.split())[:400]


def remote(address: str, token: str = "") -> Remote:
    """Read an address: https, http, ssh, git, file, `user@host:path`, or an absolute path.

    `token` is for http(s): the access token, or `user:token`. A login that stands in an http(s) address is used and
    taken out of it. Raises `BadAddress`.
    """
    if not address.isprintable() or not 0 < len(address) <= _MAX_ADDRESS:
        raise BadAddress("the repository's address is empty, too long, or holds control characters")
    if address.startswith(("/", "./", "../")):
        return Remote(address, "file")
    if "://" not in address and _SCP.fullmatch(address):
        return Remote(address, "ssh")
    parts, place = _parts(address)
    if parts.scheme == "file":
        return Remote(address, "file")
    if parts.scheme in {"ssh", "git"}:
        user = parts.username or ""
        if parts.password or (user and not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", user)):
            raise BadAddress("the repository's address holds a password: ssh takes a key, and git:// takes nobody")
        return Remote(f"{parts.scheme}://{f'{user}@' if user else ''}{place}{parts.path}", parts.scheme)
    login = _login(parts, token)
    if not login.isprintable():
        raise BadAddress("the repository's token holds control characters: is there a line end in its variable?")
    return Remote(f"{parts.scheme}://{place}{parts.path}", parts.scheme, login)


def _parts(address: str) -> tuple[SplitResult, str]:
    """An address in its parts, and `host:port`. Raises `BadAddress` for what is none of those that are taken."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadAddress("the repository's address is no address: look at its host and port") from error
    bare = f"[{host}]" if ":" in host else host
    local = parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc
    far = parts.scheme in {"https", "http", "ssh", "git"} and bool(_HOST.fullmatch(bare))
    if not (local or far) or parts.query or parts.fragment or re.search(r"\s", address):
        raise BadAddress(
            "the repository's address must be https://, http://, ssh://, git://, file:// or user@host:path"
        )
    return parts, f"{bare}:{port}" if port else bare


def _login(parts: SplitResult, token: str) -> str:
    if token:
        return token if ":" in token else f"oauth2:{token}"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if password:
        return f"{user}:{password}"
    return f"oauth2:{user}" if user else ""  # a token in the place of the user, as forges take it
