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
from ascend_assets.remedies.kinds import ChooseSoc
from resources.ascend.emulator.registration import canonical_soc, socs
from resources.ascend.options import FIRST_GENERATION

MAKES = {
    "soc_unknown": Kind(("asked", "near", "certain"), ("choose_soc",)),
    "soc_first_generation": Kind(("asked",)),
}

_NOISE = re.compile(r"[\s_\-]+")


def observe(case: Case) -> Iterator[Observation]:
    """What is asked for, held against the names that CANN knows."""
    asked = case.options.soc_version
    known = canonical_soc(asked) in socs()
    refused = [item for item in errors(case, "EX0001", "E10001", "E20101") if "soc_version" in item.message]
    near = () if known else meant(asked)
    values: dict[str, Value] = {
        "asked": plain(asked) or "nothing",
        "near": ", ".join(near) or "none",
        "certain": int(len(near) == 1),
    }
    remedies = offer(ChooseSoc, soc_version=near[0]) if len(near) == 1 else {}
    for item in refused:
        yield fact("soc_unknown", item, values=values, remedies=remedies)
    if not known and not refused:
        yield Observation("soc_unknown", f"CANN knows no SoC {plain(asked)}", (), values, remedies, "options")
    if asked == FIRST_GENERATION and not case.options.first_generation:
        said = next(warnings(case, "WX0001"), None)
        says = said.message if said else f"{asked} is a 30-core part of the first generation"
        yield Observation("soc_first_generation", says, (), {"asked": asked}, {}, "options")


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
