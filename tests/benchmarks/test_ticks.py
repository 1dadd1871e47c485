"""The benchmark of ticks asks every sensor of the code location, in a world that gives each of them something to do."""

import os

from benchmarks import ticks, ticks_world
from sensors import wiring


def test_every_sensor_is_asked_and_has_something_to_do() -> None:
    before = dict(os.environ)
    with ticks.installation(3, 100) as world:
        found = {one.name: one for one in world.definitions.get_repository_def().sensor_defs}
        assert len(found) >= len(wiring.sensors((), {}, ticks_world.settings("http://127.0.0.1:1"))) - 1
        first = {name: ticks.tick(world, one, None) for name, one in found.items()}
        told = {name: said for name, (_, _, said, _) in first.items()}
        assert "reported: " in told["deployed"]
        assert "told " in told["commit_status_origin"]
        assert told["hub_releases"] == "the hub has no newer version of any model"
        assert told["toolchain_changed"].startswith("every compiled model is of emulator")
        assert first["production"][3] == 3
        _, cursor, _, _ = first["commits_origin"]
        world.push("news")
        _, _, _, runs = ticks.tick(world, found["commits_origin"], cursor)
        assert runs == 3
        assert world.instance.get_runs_count() == 1 + 100
    assert dict(os.environ) == before
