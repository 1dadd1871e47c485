"""Runs whose export waits until the test lets it go on.

Here belongs starting one, and reaching the moment in which it waits. Not here: the models (`held_models.py`).
"""

from cluster_world import World
from held_models import Hold

OFTEN = 2
"""Seconds between two looks at a step's pod."""


def begin(world: World, model: str) -> str:
    """A run of a model's source and export; its id."""
    return world.browser.materialise(f"{model}/source", f"{model}/onnx", health_seconds=OFTEN)


def export_of(world: World, run_id: str, model: str, hold: Hold, times: int = 1) -> str:
    """The pod in which the export waits, as soon as one does so for that many times."""
    world.wait_for(f"the export of {model}", lambda: len(hold.began()) >= times)
    return world.running(run_id, f"{model}__onnx").name
