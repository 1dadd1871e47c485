"""Taking what is private out of text before it leaves a machine.

Here belong what counts as private and its placeholders: host, user and mail names, folders, network addresses, serial
numbers, bus ids, processes of others, values of the environment. No effects. The same thing has the same placeholder
everywhere, so that a reader can still tell one host from another. Not here: what is put into a report.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

KEPT_VARIABLES = frozenset(
    {"LANG", "LANGUAGE", "TERM", "SHELL", "COLORTERM", "TZ", "SHLVL", "PAGER", "EDITOR", "COLUMNS", "LINES", "_"}
)
"""Variables whose values tell nothing about anybody."""
PATH_VARIABLES = frozenset({"PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "MANPATH"})
"""Lists of folders: what is private in them are folders of people, which are found as such."""
COMMON = frozenset(
    {"root", "user", "users", "home", "admin", "ubuntu", "debian", "centos", "localhost", "hwhiaiuser", "ascend", "npu"}
)
"""Names that are nobody's."""
SHORTEST = 3
"""Characters: a shorter name would be found in half of all words."""
_SHORTEST_VALUE = 6
_TELLS_NOTHING = re.compile(r"[a-z]{1,12}|[\d.]+|/(?:usr|etc|bin|tmp|opt)(?:/[^:]*)?|/\w{1,8}")
_SECRETS = re.compile(r"pass|token|secret|key|credential|auth", re.IGNORECASE)

_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}")
_MAC = re.compile(r"(?<![\w:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:-])")
_PCIE = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{4,8}:)?[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7](?![\w.])")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:%\w{1,15})?(?![\w:])")
_UUID = re.compile(r"(?<![\w-])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![\w-])")
_HOME = re.compile(r"/(?:home|Users)/(?!<)[^/\s:;,'\"<>|]{1,64}|/root(?=[/\s:;,'\"]|$)")
_SERIAL = re.compile(
    r"((?:Serial[ _]?(?:Number|No\.?)|\bSN|Process name|[VND]+Die[ _]?ID|Die ID|Elabel|UUID|BMC IP|Host ?name)"
    r"[ \t\"']{0,40}[:=][ \t\"']{0,40})(?!<)([^\s,\"';<][^\n,\"';<]{0,200})",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"((?:passw(?:or)?d|passwd|token|secret|api[_-]?key|access[_-]?key|authorization)[\"']?[ \t]{0,8}[:=][ \t]{0,8}"
    r"[\"']?)(?!<)([^\s\"',;<]{1,400})",
    re.IGNORECASE,
)
_PROCESS = re.compile(
    r"^\|[ \t]{0,40}\d{1,9}[ \t]{1,40}\d{1,9}[ \t]{0,40}\|[ \t]{0,40}\d{1,12}[ \t]{0,40}\|.*$",
    re.MULTILINE,
)
"""A row of npu-smi's table of processes: NPU and chip, process id, and whatever else."""


@dataclass(frozen=True)
class Private:
    """What is known to be private here. `keep`: texts that only look private, such as versions like `7.7.0.1`."""

    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    variables: Mapping[str, str] | None = None
    keep: frozenset[str] = frozenset()


class Scrubber:
    """Scrubs one text or value after the other, with the same placeholders throughout, numbered as things are met."""

    def __init__(self, private: Private) -> None:
        self._private = private
        self._given: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self._literals = _literals(private)

    def value(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """A JSON value with every text in it scrubbed, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value

    def text(self, text: str) -> str:
        """The text with placeholders for what is private."""
        text = _SECRET.sub(lambda m: f"{m[1]}<secret>", text)
        text = _SERIAL.sub(lambda m: f"{m[1]}{self._place('id', m[2].strip())}", text)
        text = _PROCESS.sub(lambda m: self._process(m[0]), text)
        for kind, pattern in self._literals:
            text = pattern.sub(self._by(kind), text)
        text = _HOME.sub(self._by("home"), text)
        for kind, pattern in (("mail", _MAIL), ("uuid", _UUID), ("mac", _MAC), ("pcie", _PCIE)):
            text = pattern.sub(self._by(kind), text)
        text = _IPV4.sub(lambda m: self._address(m[0]), text)
        return _IPV6.sub(lambda m: self._address(m[0]), text)

    def _by(self, kind: str) -> Callable[[re.Match[str]], str]:
        return lambda match: self._place(kind, match[0])

    def _address(self, found: str) -> str:
        if found in self._private.keep:
            return found
        try:
            address = ipaddress.ip_address(found.partition("%")[0])
        except ValueError:
            return found
        nobodys = address.is_unspecified or address.is_loopback
        # Such as a::b, which is more likely a name of C++; of IPv4 it is 240.0.0.0 and above.
        if nobodys or (isinstance(address, ipaddress.IPv6Address) and address.is_reserved):
            return found
        return self._place(f"ipv{address.version}", found)

    def _process(self, row: str) -> str:
        """A row of processes with their ids, names and whatever is no number replaced."""
        cells = row.split("|")
        for place, cell in enumerate(cells[3:], 3):
            if cell.strip() and not cell.strip().isdigit():
                cells[place] = f" {self._place('process', cell.strip())} "
        cells[2] = " <pid> "
        return "|".join(cells)

    def _place(self, kind: str, found: str) -> str:
        key = (kind, found.lower())
        if key not in self._given:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._given[key] = f"<{kind}-{self._counts[kind]}>"
        return self._given[key]


def _literals(private: Private) -> list[tuple[str, re.Pattern[str]]]:
    """Patterns of the known texts, the longest first, so that no part of one is left over."""
    found: list[tuple[str, str]] = []
    found += [("folder", text) for text in private.folders if len(text) > 1]
    found += [("host", text) for text in _names(private.hosts)]
    found += [("user", text) for text in _names(private.users)]
    for name, value in (private.variables or {}).items():
        is_kept = name in KEPT_VARIABLES | PATH_VARIABLES or value in private.keep
        if not is_kept and (_is_telling(value) or (_SECRETS.search(name) and len(value) > SHORTEST)):
            found.append(("value", value))
    ordered = sorted(dict.fromkeys(found), key=lambda each: (-len(each[1]), each))
    return [(kind, _pattern(kind, text)) for kind, text in ordered]


def _names(names: Iterable[str]) -> list[str]:
    """Names worth hiding, and the first parts of full host names."""
    parts = [part for name in names for part in (name, name.partition(".")[0])]
    return [part for part in dict.fromkeys(parts) if len(part) >= SHORTEST and part.lower() not in COMMON]


def _is_telling(value: str) -> bool:
    """Whether a variable's value says anything of anybody: no number or version, no word, no folder of the system."""
    plain = value.strip()
    return len(plain) >= _SHORTEST_VALUE and not _TELLS_NOTHING.fullmatch(plain)


def _pattern(kind: str, text: str) -> re.Pattern[str]:
    bounded = rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])" if kind in {"host", "user"} else re.escape(text)
    return re.compile(bounded, re.IGNORECASE if kind in {"host", "user"} else 0)


_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]{1,400}@")
_BEARER = re.compile(r"\b(bearer|basic)[ \t]{1,8}[^\s\"',;<]{4,2000}", re.IGNORECASE)
_IN_QUERY = re.compile(r"([?&](?:key|sig|sign|signature)=)[^&\s\"'<]{1,400}", re.IGNORECASE)


def without_secrets(text: str, environ: Mapping[str, str]) -> str:
    """The text without passwords, tokens and keys, for people who may know the rest.

    Those of the environment are found by what they hold, others by what stands before them.
    """
    held = {
        value.strip() for name, value in environ.items() if _SECRETS.search(name) or ("://" in value and "@" in value)
    }
    for value in sorted(held, key=len, reverse=True):
        if len(value) >= _SHORTEST_VALUE:
            text = text.replace(value, "<secret>")
    text = _BEARER.sub(lambda m: f"{m[1]} <secret>", text)
    text = _CREDENTIALS.sub("<secret>@", text)
    text = _IN_QUERY.sub(lambda m: f"{m[1]}<secret>", text)
    return _SECRET.sub(lambda m: f"{m[1]}<secret>", text)
