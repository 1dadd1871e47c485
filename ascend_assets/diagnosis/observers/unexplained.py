"""Every message as it stands, so that one which no family knows is not passed over in silence.

The rules on these are fallbacks: they apply to a message that no other rule rests on. Not here: what any code means.
"""

from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import SAID, errors, fact
from ascend_assets.gates import conversion
from resources.ascend.cann.compiling.codes import family

MAKES = {"message": Kind(("family", *SAID)), "no_message": Kind()}


def observe(case: Case) -> Iterator[Observation]:
    """Each error, and a refusal that came without any."""
    said: set[tuple[object, object]] = set()
    for item in errors(case):
        one = fact("message", item, values={"family": family(item.code) or "unknown"})
        key = one.values["code"], one.values["about"]
        if key not in said:
            said.add(key)
            yield one
    refused = any(verdict.criterion in conversion.CRITERIA_NAMES for verdict in case.refused)
    if refused and not said and not case.environment:
        yield Observation("no_message", "the compiler refused the model and said nothing", from_="verdicts")
