"""Who may sign: OpenSSH's allowed_signers file, read more strictly than OpenSSH reads it.

Here belong its lines, and which of them are one person. Not here: verifying a signature (`ssh_signatures.py`), or
what a signature is needed for.

A line is `name[,name...] [option[,option...]] type key [comment]` ("ALLOWED SIGNERS" in the manual page of ssh-keygen).
Every line names a person: patterns and certificate authorities, which let in whoever fits, are refused. Times are UTC
with and without the final `Z`, where OpenSSH takes those without for the machine's own zone: what is valid must not
depend on who asks.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from resources.ssh_keys import BadKey, PublicKey, from_text

MAX_TEXT = 256 * 1024
MAX_LINES = 2000
MAX_NAMES = 16
"""Names on one line."""

_NAME = re.compile(r"[A-Za-z0-9._%+@:/=-]{1,200}")
_NAMESPACE = re.compile(r"[A-Za-z0-9._%+@:/=-]{1,100}")
_OPTION = re.compile(r'([a-z-]+)(?:="([^"]*)")?(?:,|$)')
_FIELDS = 2
_KEY_TYPE = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+")
_TIME = re.compile(r"\d{8}(\d{4}(\d{2})?)?Z?", re.ASCII)
_FORMATS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


class BadSigners(ValueError):
    """An allowed_signers file that cannot be taken. `where`, `line` (0 for the whole) and `why`."""

    def __init__(self, where: str, line: int, why: str) -> None:
        self.where, self.line, self.why = where, line, why
        super().__init__(f"{where}:{line}: {why}" if line else f"{where}: {why}")


@dataclass(frozen=True)
class Signer:
    """One line: names of one person, and a key that is theirs. `namespaces` None: for any. Times None: no bound."""

    line: int
    names: tuple[str, ...]
    key: PublicKey
    namespaces: tuple[str, ...] | None = None
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    def objection(self, namespace: str, at: datetime) -> str | None:
        """Why the key may not sign for this purpose at this moment; None where it may. Bounds are inclusive."""
        moment = at.astimezone(UTC).replace(microsecond=0)
        if self.namespaces is not None and namespace not in self.namespaces:
            return f"the key may sign for {', '.join(self.namespaces)} only, not for {namespace}"
        if self.valid_after is not None and moment < self.valid_after:
            return f"the key is not valid before {self.valid_after:%Y-%m-%d %H:%M:%S} UTC"
        if self.valid_before is not None and moment > self.valid_before:
            return f"the key expired at {self.valid_before:%Y-%m-%d %H:%M:%S} UTC"
        return None

    def text(self, name: str) -> str:
        """The line for one of its names as every OpenSSH since 8.9 reads it, given that its time zone is UTC."""
        options = [f'namespaces="{",".join(self.namespaces)}"'] if self.namespaces is not None else []
        for option, moment in (("valid-after", self.valid_after), ("valid-before", self.valid_before)):
            options += [f'{option}="{moment:%Y%m%d%H%M%S}"'] if moment is not None else []
        return " ".join(part for part in (name, ",".join(options), str(self.key)) if part) + "\n"


@dataclass(frozen=True)
class Person:
    """One person: every name and key that belong together, in the order of the file."""

    names: tuple[str, ...]
    keys: tuple[PublicKey, ...]

    def __str__(self) -> str:
        return self.names[0]

    @property
    def mails(self) -> frozenset[str]:
        """The names that are e-mail addresses, case folded."""
        return frozenset(name.casefold() for name in self.names if "@" in name)


@dataclass(frozen=True)
class Signers:
    """A file that was found right."""

    lines: tuple[Signer, ...]
    people: tuple[Person, ...]

    def line(self, name: str, key: PublicKey) -> Signer | None:
        """The line that gives this name this key."""
        return next((line for line in self.lines if name in line.names and line.key == key), None)

    def person(self, name: str, key: PublicKey) -> Person | None:
        """Whose name and key it is; None where no line gives this name this key."""
        if self.line(name, key) is None:
            return None
        return next(person for person in self.people if name in person.names)

    def names_of(self, key: PublicKey) -> tuple[str, ...]:
        """Every name that a key may sign under, in the order of the file."""
        return tuple(dict.fromkeys(name for line in self.lines if line.key == key for name in line.names))


def parse(text: str, where: str = "allowed_signers") -> Signers:
    """Read a file. Raises `BadSigners`, which names the first line that cannot be taken."""
    if len(text) > MAX_TEXT:
        raise BadSigners(where, 0, f"{len(text)} characters: at most {MAX_TEXT}")
    rows = text.split("\n")
    if len(rows) > MAX_LINES:
        raise BadSigners(where, 0, f"{len(rows)} lines: at most {MAX_LINES}")
    lines: list[Signer] = []
    seen: dict[tuple[str, PublicKey], int] = {}
    for number, row in enumerate(rows, start=1):
        content = row.strip(" \t\r")
        if not content or content.startswith("#"):
            continue
        try:
            line = _line(number, content)
        except ValueError as error:
            raise BadSigners(where, number, str(error)) from error
        for name in line.names:
            before = seen.setdefault((name.casefold(), line.key), number)
            if before != number:
                raise BadSigners(where, number, f"{name} has this key in line {before} already: keep one of the two")
        lines.append(line)
    return Signers(tuple(lines), people(lines))


def people(lines: Iterable[Signer]) -> tuple[Person, ...]:
    """Lines that share a name (in any case) or a key are one person, and so on from line to line.

    In the order of each person's first line.
    """
    all_lines = tuple(lines)
    above = list(range(len(all_lines)))

    def first(index: int) -> int:
        while above[index] != index:
            above[index] = above[above[index]]
            index = above[index]
        return index

    owner: dict[object, int] = {}
    for index, line in enumerate(all_lines):
        for mark in (line.key, *(name.casefold() for name in line.names)):
            low, high = sorted((first(owner.setdefault(mark, index)), first(index)))
            above[high] = low
    groups: dict[int, list[Signer]] = {}
    for index, line in enumerate(all_lines):
        groups.setdefault(first(index), []).append(line)
    return tuple(map(_person, groups.values()))


def _person(lines: list[Signer]) -> Person:
    names = dict.fromkeys(name for line in lines for name in line.names)
    return Person(tuple(names), tuple(dict.fromkeys(line.key for line in lines)))


def _line(number: int, content: str) -> Signer:
    names, *parts = content.split()
    options: dict[str, str] = {}
    if parts and not _KEY_TYPE.fullmatch(parts[0]):
        options = _options(parts.pop(0))
    if len(parts) < _FIELDS:
        raise ValueError("is not `name[,name...] [options] key-type key [comment]`; options hold no spaces")
    try:
        key = from_text(parts[0], parts[1])
    except BadKey as error:
        raise ValueError(f"key: {error}") from error
    after, before = (_time(option, options.get(option)) for option in ("valid-after", "valid-before"))
    if after is not None and before is not None and before <= after:
        raise ValueError("valid-before: is not later than valid-after, so that the key is never valid")
    namespaces = _namespaces(options["namespaces"]) if "namespaces" in options else None
    return Signer(number, _names(names), key, namespaces, after, before)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if len(names) > MAX_NAMES:
        raise ValueError(f"{len(names)} names: at most {MAX_NAMES}")
    for name in names:
        if not _NAME.fullmatch(name) or name.startswith("-"):
            raise ValueError(
                f"name: {name[:60]!r} names nobody: give a person's address in ASCII, such as ada@example.com; "
                "patterns ('*', '?', '!') and quotes are refused"
            )
    if len({name.casefold() for name in names}) != len(names):
        raise ValueError("name: the same name twice")
    return names


def _options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        if match is None:
            raise ValueError(f'options: {text[at : at + 60]!r} is not name="value"; options are parted by commas alone')
        name, value = match.groups()
        if name == "cert-authority":
            raise ValueError("options: cert-authority lets in whoever an authority names: give each person's own key")
        if name not in {"namespaces", "valid-after", "valid-before"}:
            raise ValueError(f"options: {name!r} is not known; there are namespaces, valid-after, valid-before")
        if value is None:
            raise ValueError(f'options: {name} needs a value in double quotes, {name}="..."')
        if name in found:
            raise ValueError(f"options: {name} twice")
        found[name] = value
        at = match.end()
    if text.endswith(","):
        raise ValueError("options: end with a comma")
    return found


def _namespaces(text: str) -> tuple[str, ...]:
    namespaces = tuple(text.split(","))
    for namespace in namespaces:
        if not _NAMESPACE.fullmatch(namespace):
            raise ValueError(f"namespaces: {namespace[:60]!r} names none; patterns are refused")
    return namespaces


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    digits = text.removesuffix("Z")
    why = f"{option}: {text[:40]!r} is no time: give YYYYMMDD or YYYYMMDDHHMM[SS], in UTC"
    if not _TIME.fullmatch(text):
        raise ValueError(why)
    try:
        return datetime.strptime(digits, _FORMATS[len(digits)]).replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueError(why) from error
