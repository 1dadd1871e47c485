"""What msprof-analyze's advisor says of a profile, as sentences.

Here belong calling it where it is installed, and taking its words as what they are: text from outside, bounded, never
more than advice. Not here: our own findings (`profile.py`).

The advisor is made for training first. Of a profile that it has no rules for it says so or nothing, which is a note and
no failure.
"""

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from resources.ascend.cann.site import Site
from resources.ascend.cann.text import clean
from resources.process import ProcessError, ProcessTimeout, ProgramMissing

SECONDS = 300.0
MAX_ADVICE = 20
MAX_LENGTH = 400

_RULE = re.compile(r"^[\s+|=─━┼┬┴┌┐└┘├┤-]*$")
_HEADINGS = frozenset({"problem", "category", "description", "suggestion", "issue", "no.", "index", "item"})
_MOSTLY = 2
"""A row of so many headings is the table's head."""


def advice(site: Site, profile: Path) -> tuple[tuple[str, ...], str]:
    """The advisor's sentences, and a note on why there are none; the note is empty where it spoke."""
    try:
        with tempfile.TemporaryDirectory(prefix="ascend-advise-") as name:
            folder = Path(name).resolve()
            argv = ["msprof-analyze", "advisor", "all", "-d", str(profile), "-o", str(folder / "out")]
            done = site.run(argv, cwd=folder, timeout=SECONDS)
    except ProgramMissing:
        return (), "no advice: msprof-analyze is not on PATH (install it with the python3 that CANN uses)"
    except ProcessTimeout:
        return (), f"no advice: msprof-analyze did not end within {SECONDS:g} s"
    except ProcessError as error:
        return (), f"no advice: {str(error).splitlines()[0].removesuffix('; it said:')}"
    if done.returncode:
        return (), f"no advice: msprof-analyze ended with exit code {done.returncode}"
    found = sentences(clean(f"{done.stdout}\n{done.stderr}"))
    return found, "" if found else "msprof-analyze's advisor found nothing to say of this profile"


def sentences(lines: Iterable[str]) -> tuple[str, ...]:
    """The rows of the advisor's table, cells joined by a colon; a row that goes on has no first cell.

    The first `MAX_ADVICE` rows, each cut to `MAX_LENGTH` characters.
    """
    found: list[str] = []
    for line in lines:
        row = line.strip().replace("│", "|")
        if not row.startswith("|") or _RULE.match(row):
            continue
        cells = [" ".join(cell.split()) for cell in row.strip("|").split("|")]
        if sum(cell.lower() in _HEADINGS for cell in cells) >= min(_MOSTLY, len(cells)):
            continue
        text = ": ".join(cell for cell in cells if cell and not cell.isdigit())
        if not text:
            continue
        if cells[0] or not found:
            if len(found) == MAX_ADVICE:
                break
            found.append(text[:MAX_LENGTH])
        else:
            found[-1] = f"{found[-1]} {text}"[:MAX_LENGTH]
    return tuple(found)
