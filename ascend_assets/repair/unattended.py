"""What a repair of a candidate may do without a person.

Here belongs that one line. A file without a project is nobody's candidate: there sizes may be assumed
(`proposals.unattended`). Not here: what a remedy is (`remedies/kinds.py`).
"""

from ascend_assets.remedies.kinds import Remedy, SetInputShapes


def alone(remedy: Remedy) -> bool:
    """Whether nobody has to be asked: neither trained weights change, nor is it guessed what nobody stated."""
    return not remedy.needs_person and not (isinstance(remedy, SetInputShapes) and remedy.assumed)


def accepted(remedy: Remedy) -> bool:  # noqa: ARG001 - a person has answered for all
    """What may be taken once a person has accepted it: everything."""
    return True
