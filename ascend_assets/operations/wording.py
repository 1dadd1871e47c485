"""How operations say what stands against a move. Not here: what does (`ascend_assets/gates`)."""

from resources.registry.admissions import Requirement


def told(requirement: Requirement) -> str:
    """A requirement in a sentence: what was found, and what to do where it is not met."""
    remedy = f": {requirement.remedy}" if requirement.remedy and not requirement else ""
    return f"{requirement.name}: {requirement.why}{remedy}"
