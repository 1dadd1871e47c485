"""Whether what Helm renders is what the tests of this folder assumed: `python -m helm_compare RENDERED [SITE...]`.

Here belongs that comparison, for somebody who has the chart: dagster.yaml, that the code server hands nothing on to
runs, the chart's own Deployments, and our policies over their pods. Not here: rendering (`helm template`), or the
assumptions (`helm_values.py`, `helm_pods.py`).
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import helm_pods
import helm_values
import yaml
from manifests import pods
from pod_policies import faults

Manifest = dict[str, Any]


def differences(rendered: Sequence[Manifest], values: helm_values.Values) -> list[str]:
    """What the chart made otherwise than assumed, and which of its pods break which rule."""
    found = list(_unlike(helm_values.instance_config(values), _instance(rendered), "dagster.yaml"))
    found += _handed_on(rendered)
    made = {one["metadata"]["name"]: one for one in rendered if one["kind"] == "Deployment"}
    for one in helm_pods.deployments(values):
        name = one["metadata"]["name"]
        found += _lacking(one["spec"], made.get(name, {}).get("spec"), f"Deployment {name}")
    for name, pod in pods(list(rendered)):
        found += [f"{name}: {said}" for said in faults(pod)]
    return found


def _unlike(assumed: Any, made: Any, where: str) -> Iterator[str]:
    if isinstance(assumed, Mapping) and isinstance(made, Mapping):
        for key in sorted(assumed.keys() | made.keys()):
            yield from _unlike(assumed.get(key), made.get(key), f"{where}: {key}")
    elif assumed != made:
        yield f"{where}: the chart makes {made!r}, the tests assume {assumed!r}"


def _lacking(assumed: Any, made: Any, where: str) -> Iterator[str]:
    """What is assumed and not made; the chart may make more than that. Items of lists are found by their names."""
    if isinstance(assumed, Mapping):
        for key, value in assumed.items():
            yield from _lacking(value, made.get(key) if isinstance(made, Mapping) else None, f"{where}: {key}")
    elif isinstance(assumed, list) and all(isinstance(one, Mapping) for one in assumed):
        for one in assumed:
            alike = [other for other in made or [] if other.get("name") == one.get("name")]
            tried = (list(_lacking(one, other, f"{where}: {one.get('name', 'one of them')}")) for other in alike)
            yield from min(tried, key=len, default=[f"{where}: the chart makes no {one!r}"])
    elif assumed != made:
        yield f"{where}: the chart makes {made!r}, the tests assume {assumed!r}"


def _instance(rendered: Sequence[Manifest]) -> Any:
    name = f"{helm_values.RELEASE}-instance"
    (found,) = (one for one in rendered if one["kind"] == "ConfigMap" and one["metadata"]["name"] == name)
    return yaml.safe_load(found["data"]["dagster.yaml"])


def _handed_on(rendered: Sequence[Manifest]) -> Iterator[str]:
    for name, pod in pods(list(rendered)):
        for variable in (one for container in pod["containers"] for one in container.get("env") or []):
            if variable["name"].endswith("CONTAINER_CONTEXT"):
                yield f"{name}: hands on to runs what the launcher refuses; set includeConfigInLaunchedRuns to false"


def main(arguments: Sequence[str]) -> int:
    """Print what differs; 0 where nothing does."""
    rendered = [one for one in yaml.safe_load_all(Path(arguments[0]).read_text()) if one]
    found = differences(rendered, helm_values.load(*map(Path, arguments[1:])))
    sys.stdout.write("".join(f"{one}\n" for one in found) or "as the tests assume\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
