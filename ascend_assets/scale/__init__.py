"""What a fleet of models needs: cards, pods, storage, hours, on paper.

Here belong the figures that a plan is made of (`figures.py`, `overheads.yaml`), what is asked (`demand.py`), what one
candidate costs (`typical.py`, `walk_costs.py`), how work queues (`queueing.py`, `simulation.py`), what piles up
(`storage.py`), what gives way first (`ceilings.py`), and the plan (`plan.py`). No Dagster, and nothing is touched: a
plan is computed from numbers. Not here: how it is printed (`cli/scale.py`).
"""
