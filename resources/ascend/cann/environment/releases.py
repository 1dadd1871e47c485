"""Which release of CANN a compiler's version belongs to, and how far two are apart.

An `.om` names the compiler's own version (`7.7.0.1.238`), a person the release (`8.1.RC1`). Here belong the pairs that
installed packages show in `version.cfg` (`[7.7.0.1.238:8.1.RC1]`), and counting release cycles by them: one for each
first two numbers of the compiler's version, which have risen with every release so far and are the release's own from
8.2 on. Releases that no pair is known of are not counted, so a count says "at least". Not here: order within a release,
such as RC1 before RC2 (`versions.py`).
"""

import re

Minor = tuple[int, int]
"""The first two numbers of a compiler's version: one release cycle."""

RELEASES: tuple[tuple[Minor, str], ...] = (
    ((1, 84), "6.0.1"),
    ((7, 0), "7.0.RC1"),
    ((7, 1), "7.0.0"),
    ((7, 3), "8.0.RC2"),
    ((7, 5), "8.0.RC3"),
    ((7, 6), "8.0.0"),
    ((7, 7), "8.1.RC1"),
    ((8, 2), "8.2.RC1"),
    ((8, 3), "8.3.RC1"),
    ((8, 5), "8.5.0"),
)

_SAME = (8, 2)
"""From here on the compiler's numbers are the release's."""
_COMPILER = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.\w{1,32}){3}", re.ASCII)
_RELEASE = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.\w{1,32}){0,2}", re.ASCII)


def minor(version: str) -> Minor | None:
    """The release cycle of a compiler's version, which has five parts, or of a release's name; None for neither."""
    compiler, named = _COMPILER.fullmatch(version), _RELEASE.fullmatch(version)
    if compiler is not None:
        return int(compiler[1]), int(compiler[2])
    for numbers, name in RELEASES:
        if version == name or version.startswith(f"{name}."):
            return numbers
    if named is not None and (own := (int(named[1]), int(named[2]))) >= _SAME:
        return own
    return None


def release(version: str) -> str:
    """The first release of a version's cycle; empty where no pair is known of."""
    return dict(RELEASES).get(minor(version) or (0, 0), "")


def cycles(before: Minor, after: Minor) -> int:
    """At least so many release cycles lie between the two; negative where `after` is the older one."""
    if after < before:
        return -cycles(after, before)
    known = sum(before < numbers <= after for numbers, _ in RELEASES)
    newest = RELEASES[-1][0]
    return known + (newest < after and before < after)
