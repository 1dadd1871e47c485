"""Whether production's samples still come from the world that a model was evaluated in.

Here belong summaries, distances between them, and the judgement. Not here: production's data itself (`production/`),
the limits (`spec_production.py`), or what drift starts (`sensors/`).
"""
