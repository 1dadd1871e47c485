"""The SoC version that a model is compiled for: unknown, misspelt, of the first generation, or not this device's.

Facts: legal names are those of the platform configuration; `Ascend910B` is a part of the first generation, and the A2
family is Ascend910B1 to B4 (`platform_config/*.ini` of CANN 8.1). Not here: options that a SoC does not take.
"""

import re
from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import errors, fact, warnings
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import ChooseSoc, Remedy
from resources.ascend.emulator.registration import canonical_soc, socs
from resources.ascend.options import FIRST_GENERATION

MAKES = {
    "soc_unknown": Kind(("asked", "near", "certain"), ("choose_soc",)),
    "soc_first_generation": Kind(("asked",)),
}

_ABOUT = re.compile(r"\[?(?:--)?soc_version\]?|SetRTSocVersion|rtSetSocVersion|Soc[ _]?Version", re.IGNORECASE)
_VALUE = re.compile(r"Value \[?(?P<value>[^\]\s]{0,200})\]? for parameter \[?(?:--)?soc_version")
_MISSING = ("E10004", "E10007", "E10054")
"""A parameter that was not given at all, of which `options.py` speaks."""
_NOISE = re.compile(r"[\s_\-]+")


def observe(case: Case) -> Iterator[Observation]:
    """What is asked for, held against the names that CANN knows; a message's own value before the options'."""
    said = False
    for item in errors(case):
        if item.code == "EX0001" or (item.code not in _MISSING and _ABOUT.search(item.message)):
            said = True
            found = _VALUE.search(item.message)
            values, remedies = _named(found["value"] if found else case.options.soc_version)
            yield fact("soc_unknown", item, values=values, remedies=remedies)
    asked = case.options.soc_version
    if not said and canonical_soc(asked) not in socs():
        values, remedies = _named(asked)
        yield Observation("soc_unknown", f"CANN knows no SoC {plain(asked)}", (), values, remedies, "options")
    if asked == FIRST_GENERATION and not case.options.first_generation:
        warning = next(warnings(case, "WX0001"), None)
        says = warning.message if warning else f"{asked} is a 30-core part of the first generation"
        yield Observation("soc_first_generation", says, (), {"asked": asked}, {}, "options")


def _named(asked: str) -> tuple[dict[str, Value], dict[str, Remedy]]:
    near = () if canonical_soc(asked) in socs() else meant(asked)
    values: dict[str, Value] = {
        "asked": plain(asked) or "(nothing)",
        "near": ", ".join(near) or "none",
        "certain": int(len(near) == 1),
    }
    return values, offer(ChooseSoc, soc_version=near[0]) if len(near) == 1 else {}


def meant(asked: str) -> tuple[str, ...]:
    """The SoC versions that a slip of the pen stands for: other case, no `Ascend` before, blanks or strokes inside."""
    wanted = _plain(asked)
    if not wanted:
        return ()
    names = {name: _plain(name) for name in socs()}
    same = tuple(name for name, plain_name in names.items() if plain_name == wanted)
    return same or tuple(sorted(name for name, plain_name in names.items() if plain_name.startswith(wanted)))[:8]


def _plain(name: str) -> str:
    return _NOISE.sub("", name[:80].casefold()).removeprefix("ascend")
