"""The Role that is shipped is what runs and steps need, and no more. Looked at when all other tests have asked."""

import pytest
from cluster_site import role
from cluster_world import World

FOR_A_DEAD_WORKER = {("pods/log", "get"), ("events", "list")}
"""What dagster-k8s reads for the report on a run worker that ended badly; one that another took over needs none.
`tests/deploy` holds the Role against the calls in its source."""

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("world")]


def test_nothing_that_was_asked_is_forbidden(world: World) -> None:
    assert [asked for asked in world.shim.asked() if asked.code == 403] == []


def test_everything_that_is_allowed_was_asked(world: World) -> None:
    # What looks on is the administrator, who watches pods and lists them.
    asked = {(one.resource, one.verb) for one in world.shim.asked()}
    allowed = {(resource, verb) for rule in role() for resource in rule["resources"] for verb in rule["verbs"]}
    assert allowed - asked <= FOR_A_DEAD_WORKER
