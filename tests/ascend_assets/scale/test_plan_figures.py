"""The figures behind a plan: each has an origin and a source, and what is computed claims no more."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from ascend_assets.cluster import cluster_file
from ascend_assets.scale import in_cluster
from ascend_assets.scale.figures import Figure, Overheads, overheads, weakest
from resources.home import PROJECT
from resources.kubernetes import pod
from resources.kubernetes.sizes import Size

FILE = PROJECT / "ascend_assets" / "scale" / "overheads.yaml"


def every() -> list[tuple[str, Figure]]:
    groups = [(name, group) for name, group in overheads() if name != "run_pod"]
    return [(f"{name}.{field}", figure) for name, group in groups for field, figure in group]


def test_every_figure_says_where_it_is_from() -> None:
    assert len(every()) > 40
    assert {figure.origin for _, figure in every()} == {"measured", "published", "assumed"}
    assert all(len(figure.source) > 10 for _, figure in every())


def test_a_figure_without_an_origin_or_a_group_that_is_unknown_is_refused() -> None:
    document = yaml.safe_load(FILE.read_text())
    del document["times"]["export"]["origin"]
    with pytest.raises(ValidationError, match=r"times.export.origin"):
        Overheads.model_validate(document)
    with pytest.raises(ValidationError, match="extra"):
        Overheads.model_validate({**yaml.safe_load(FILE.read_text()), "more": {}})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_figure_is_a_number_from_zero(value: float) -> None:
    with pytest.raises(ValidationError):
        Figure(value=value, unit="s", origin="measured", source="somewhere")


def test_what_is_computed_is_known_no_better_than_the_least_known_of_its_parts() -> None:
    assert weakest(["measured", "assumed", "emulated"]) == "assumed"
    assert weakest(["measured", "published"]) == "published"
    assert weakest(["emulated", "published"]) == "emulated"


def test_a_figure_of_ones_own_is_assumed_and_says_so() -> None:
    own = overheads().times.step_process.assumed(1.5, "--x")
    assert (own.value, own.origin, own.source, own.unit) == (1.5, "assumed", "given: --x", "s")


def test_settings_that_ship_are_told_as_they_are() -> None:
    limits = overheads().limits
    values = (PROJECT / "deploy" / "k8s" / "values.yaml").read_text()
    assert limits.step_kept.value == pod.KEPT_SECONDS
    assert f"maxConcurrentRuns: {limits.runs.value:.0f}\n" in values
    assert limits.run_kept.value == int(re.findall(r"ttlSecondsAfterFinished: (\d+)", values)[0])


def test_sizes_and_limits_are_those_of_the_clusters_file(tmp_path: Path) -> None:
    text = (PROJECT / "cluster.yaml").read_text()
    changed = re.sub(r"(?m)^compiling: .*$", "compiling: 3", re.sub(r"(?m)^exporting: .*\n", "", text))
    path = tmp_path / "cluster.yaml"
    path.write_text(changed + "\nresources:\n  om: {cpu: 1500m, memory: 512Mi}\n")
    there = in_cluster.of(cluster_file.read(path), overheads())
    assert (there.requests["om"].cpu, there.requests["om"].memory) == (1.5, 0.5)
    assert there.overheads.limits.compiling.value == 3
    assert there.overheads.limits.exporting.value == 100_000
    assert there.requests["run"] == overheads().run_pod


@pytest.mark.parametrize(("cpu", "memory", "cores", "gib"), [("4", "8Gi", 4.0, 8.0), ("250m", "512Mi", 0.25, 0.5)])
def test_quantities_are_read_as_kubernetes_means_them(cpu: str, memory: str, cores: float, gib: float) -> None:
    asks = in_cluster.of_size(Size(cpu=cpu, memory=memory, disk=memory))
    assert (asks.cpu, asks.memory, asks.disk) == (cores, gib, gib)
