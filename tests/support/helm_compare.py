"""Whether what Helm renders is what the tests of this folder assumed: `python -m helm_compare RENDERED [SITE...]`.

Here belongs that comparison, for somebody who has the chart: dagster.yaml, what runs are launched with, and our
policies over the chart's own pods. Not here: rendering (`helm template`), or the assumptions (`helm_values.py`).
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import helm_values
import yaml
from manifests import pods
from pod_policies import faults

Manifest = dict[str, Any]


def differences(rendered: Sequence[Manifest], values: helm_values.Values) -> list[str]:
    """What the chart made otherwise than assumed, and which of its pods break which rule."""
    found = list(_unlike(helm_values.instance_config(values), _instance(rendered), "dagster.yaml"))
    found += _unlike(helm_values.container_context(values), _context(rendered), "container context")
    for name, pod in pods(list(rendered)):
        found += [f"{name}: {said}" for said in faults(pod)]
    return found


def _unlike(assumed: Any, made: Any, where: str) -> Iterator[str]:
    if isinstance(assumed, Mapping) and isinstance(made, Mapping):
        for key in sorted(assumed.keys() | made.keys()):
            yield from _unlike(assumed.get(key), made.get(key), f"{where}: {key}")
    elif assumed != made:
        yield f"{where}: the chart makes {made!r}, the tests assume {assumed!r}"


def _instance(rendered: Sequence[Manifest]) -> Any:
    name = f"{helm_values.RELEASE}-instance"
    (found,) = (one for one in rendered if one["kind"] == "ConfigMap" and one["metadata"]["name"] == name)
    return yaml.safe_load(found["data"]["dagster.yaml"])


def _context(rendered: Sequence[Manifest]) -> Any:
    variables = (
        variable
        for _, pod in pods(list(rendered))
        for container in pod["containers"]
        for variable in container.get("env") or []
    )
    found = [one["value"] for one in variables if one["name"] == "DAGSTER_CONTAINER_CONTEXT"]
    return json.loads(found[0]) if found else None


def main(arguments: Sequence[str]) -> int:
    """Print what differs; 0 where nothing does."""
    rendered = [one for one in yaml.safe_load_all(Path(arguments[0]).read_text()) if one]
    found = differences(rendered, helm_values.load(*map(Path, arguments[1:])))
    sys.stdout.write("".join(f"{one}\n" for one in found) or "as the tests assume\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
