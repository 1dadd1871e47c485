"""Observers: what is there, read from one kind of evidence, without an opinion.

Each module has `observe(case) -> Iterator[Observation]`, a pure function that copes with whatever evidence is missing,
and `MAKES`, which says of each kind of observation that it makes which values it always has and which remedies it may
offer: rules are held against that. Not here: what an observation means (`rules/`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What a kind of observation always states, and the kinds of remedies that it may offer."""

    values: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
