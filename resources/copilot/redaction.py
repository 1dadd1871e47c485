"""Taking what is private out of text before a language model reads it.

Here belong what counts as private beyond `resources/scrubbing.py`, which does most of it: keys by their shape, whole
addresses, host names, absolute paths. Not here: the names of a model's nodes, which are replaced before
(`ascend_assets/copilot/names.py`).

Control and invisible characters go first, so that none hides a secret from the patterns. A text is scrubbed before it
is cut, and cut between words before it is scrubbed, so that no half of a secret is left over.
"""

import os
import re
import socket
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from resources.scrubbing import Private, Scrubber, without_secrets

SLACK = 4
"""How much more than the bound is read: placeholders are shorter than what they stand for."""
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|$)", re.DOTALL)
_KEYS = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-|sk_|pk_|rk_|gh[pousr]_|github_pat_|glpat-|hf_|xox[abeprs]-|AKIA|ASIA|AIza|ya29\.|eyJ)"
    r"[A-Za-z0-9_.=/+-]{8,2000}"
)
_RANDOM = re.compile(
    r"(?<![A-Za-z0-9+/=_-])(?=[A-Za-z+/_-]{0,400}\d)(?=[\d+/_-]{0,400}[A-Za-z])[A-Za-z0-9+/_-]{32,2000}={0,2}"
)
_URL = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s\"'<>\\^`{|}]{1,2000}")
_HOST = re.compile(
    r"(?<![\w.-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}"
    r"(?:com|net|org|cn|io|ai|dev|cloud|info|biz|edu|gov|local|localdomain|internal|intranet|corp|lan|home|private|arpa)"
    r"(?![\w-])(?::\d{1,5})?",
    re.IGNORECASE,
)
_PATH = re.compile(
    r"(?<![\w.<>/-])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\\"'<>|:;,()]{1,255}[/\\]){1,64}[^\s/\\\"'<>|:;,()]{0,255}"
)


class Redactor:
    """Redacts one text after the other, with the same placeholder for the same thing throughout a question.

    `machine`: the names of this machine and its user are private as well.
    """

    def __init__(self, environ: Mapping[str, str] | None = None, *, machine: bool = True) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self._given: dict[tuple[str, str], str] = {}
        # The values of variables are looked for as secrets alone: others may be words that an error is about.
        self._scrubber = Scrubber(_machine(self._environ) if machine else Private())

    def line(self, text: str, limit: int) -> str:
        """One line of at most `limit` characters without what is private, and without invisible characters."""
        text = _cut(visible(text[: 16 * SLACK * limit]), SLACK * limit)
        return _cut(self.text(text), limit)

    def text(self, text: str) -> str:
        """The text with placeholders for what is private."""
        text = _PEM.sub("<secret>", text)
        # Addresses first: once a password in one is replaced it is no whole address any more.
        text = self._each("url", _URL, text)
        text = without_secrets(text, self._environ)
        text = _KEYS.sub("<secret>", text)
        text = self._scrubber.text(text)
        text = self._each("host", _HOST, text)
        text = self._each("path", _PATH, text)
        return _RANDOM.sub("<secret>", text)

    def _each(self, kind: str, pattern: re.Pattern[str], text: str) -> str:
        return pattern.sub(lambda match: self._place(kind, match[0]), text)

    def _place(self, kind: str, found: str) -> str:
        number = 1 + sum(1 for one, _ in self._given if one == kind)
        return self._given.setdefault((kind, found), f"<{kind}-{number}>")


def _machine(environ: Mapping[str, str]) -> Private:
    users = (environ.get("USER", ""), environ.get("LOGNAME", ""), Path.home().name)
    return Private(hosts=(socket.gethostname(),), users=tuple(filter(None, users)), folders=(str(Path.home()),))


def is_plain(text: str) -> bool:
    """Whether a text holds no address, path or key. Names of this machine count for nothing: they may be words."""
    return Redactor({}, machine=False).text(text) == text


def visible(text: str, *, plain: bool = True) -> str:
    """The text on one line without control, format or unassigned characters.

    `plain`: compatibility forms are made what they look like, so that a pattern finds them.
    """
    text = unicodedata.normalize("NFKC", text) if plain else text
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(kept.split())


def _cut(text: str, limit: int) -> str:
    """At most so many characters, ending with a whole word where that leaves anything."""
    if len(text) <= limit:
        return text
    head = text[:limit]
    return head.rpartition(" ")[0] or "..."
