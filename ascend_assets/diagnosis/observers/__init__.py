"""Observers: what is there, read from one kind of evidence, without an opinion.

Each module has `observe(case) -> Iterator[Observation]`, a pure function that copes with whatever evidence is missing.
Not here: what an observation means (`rules/`).
"""
