"""The model that can be trained again: see `tests/support/learner.py`."""

from learner_fixture import learner

__all__ = ["learner"]
