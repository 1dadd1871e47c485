"""The language that a person is told things in.

Here belongs the choice between the two that causes are written in. Not here: the texts.
"""

import os
from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


def preferred(environ: Mapping[str, str] | None = None) -> Language:
    """Chinese where the environment asks for it, by the first of LC_ALL, LC_MESSAGES and LANG that is set."""
    given = os.environ if environ is None else environ
    locale = next((given[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if given.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"
