"""What a cluster's description may say, and what it may not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from resources.kubernetes.cluster import PARTS, WHOLE, Cluster, Npus
from resources.kubernetes.sizes import DEFAULTS, Size

IMAGES = {"cann": {"8.0.0": "registry.example/step:1"}}
LEAST: dict[str, Any] = {"name": "west", "runtime": "mounts", "images": IMAGES}


def cluster(**fields: Any) -> Cluster:
    return Cluster.model_validate({**LEAST, **fields})


def refused(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        cluster(**fields)
    return str(caught.value)


@pytest.mark.parametrize("whole", WHOLE)
def test_a_whole_chip_is_no_part(whole: str) -> None:
    entry = Npus(resource=whole, cards=1)
    assert not entry.is_part
    assert entry.whole == whole


@pytest.mark.parametrize(("whole", "part"), [(whole, part) for whole, parts in PARTS.items() for part in parts])
def test_a_part_knows_its_whole(whole: str, part: str) -> None:
    entry = Npus(resource=f"{whole}-{part}", cards=1)
    assert entry.is_part
    assert entry.whole == whole


@pytest.mark.parametrize(
    "resource", ["nvidia.com/gpu", "huawei.com/Ascend310P-", "huawei.com/Ascend310P-9c", "huawei.com/npu-2c", "cpu", ""]
)
def test_a_resource_that_no_device_plugin_offers_is_refused(resource: str) -> None:
    with pytest.raises(ValidationError):
        Npus(resource=resource, cards=1)


@pytest.mark.parametrize(
    ("soc", "resource", "right"),
    [
        ("Ascend310P3", "huawei.com/Ascend310P", True),
        ("Ascend310P3", "huawei.com/Ascend310P-2c", True),
        ("Ascend310P3", "huawei.com/npu", True),
        ("Ascend910B3", "huawei.com/Ascend910", True),
        ("Ascend910_9391", "huawei.com/Ascend910", True),
        ("Ascend310", "huawei.com/Ascend310", True),
        ("Ascend310P3", "huawei.com/Ascend310", False),
        ("Ascend310", "huawei.com/Ascend310P", False),
        ("Ascend910B3", "huawei.com/Ascend310P", False),
        ("Ascend", "huawei.com/npu", False),
    ],
)
def test_a_soc_has_the_resource_of_its_own_family(soc: str, resource: str, *, right: bool) -> None:
    npus = {soc: {"resource": resource, "cards": 1}}
    if right:
        assert cluster(npus=npus).npus[soc].resource == resource
    else:
        assert soc in refused(npus=npus)


@pytest.mark.parametrize(
    "image",
    [
        "registry.example/step:1.0",
        "registry.example:5000/a/b/step:cann8.0.RC3",
        f"registry.example/step@sha256:{'a' * 64}",
        f"registry.example/step:1@sha256:{'0' * 64}",
    ],
)
def test_an_image_that_stays_the_same_is_taken(image: str) -> None:
    assert cluster(images={"cann": {"8.0.0": image}}).images.cann["8.0.0"] == image


@pytest.mark.parametrize(
    "image",
    [
        "registry.example/step",
        "registry.example/step:latest",
        "registry.example/step@sha256:abc",
        "step:1",
        "https://registry.example/step:1",
        "registry.example/step:1 --privileged",
        "registry.example/Step:1",
        "registry.example/step:1\n",
        "",
    ],
)
def test_an_image_that_may_be_another_tomorrow_or_is_none_is_refused(image: str) -> None:
    assert "images.cann" in refused(images={"cann": {"8.0.0": image}})


def test_there_is_an_image() -> None:
    assert "images.cann" in refused(images={"cann": {}})


def test_only_volcano_has_queues() -> None:
    assert cluster(scheduler="volcano", queue="models").queue == "models"
    assert "only the scheduler volcano has queues" in refused(queue="models")


def test_a_stage_has_its_own_size_or_the_default() -> None:
    found = cluster(resources={"om": {"cpu": 2, "memory": "4Gi"}})
    default = DEFAULTS["om"]
    assert found.size("om") == Size(cpu="2", memory="4Gi", disk=default.disk, minutes=default.minutes)
    assert found.size("lint") == DEFAULTS["lint"]


def test_what_a_stage_s_own_size_says_is_taken_even_where_it_is_what_others_have() -> None:
    fields = {"cpu": "4", "memory": "16Gi", "disk": "10Gi", "minutes": 60}
    assert cluster(resources={"precision": fields}).size("precision") == Size.model_validate(fields)


def test_a_stage_that_only_reads_and_judges_asks_for_little_disk() -> None:
    """It is booked on the node for every pod: with much, nodes are full of pods that write nothing."""
    for stage in ("judging", "dossier", "release", "deployment", "metrics", "proposed_limits"):
        assert DEFAULTS[stage].disk == "1Gi"


def test_a_node_with_100_gb_has_room_for_both_steps_of_four_targets() -> None:
    """84 GiB of it are left beside images and what the kubelet keeps free, by its defaults (10 %)."""
    pair = sum(int(DEFAULTS[stage].disk.removesuffix("Gi")) for stage in ("precision", "benchmark"))
    assert 4 * pair <= 84


def test_a_stage_that_there_is_not_is_refused() -> None:
    assert "allowed: source, onnx" in refused(resources={"compile": {"cpu": "2", "memory": "4Gi"}})


@pytest.mark.parametrize("cpu", ["0", "-1", "1.5", "4 cores", "", True, "0m", 4.0])
def test_a_cpu_is_a_whole_number_or_thousandths(cpu: object) -> None:
    assert "cpu" in refused(resources={"om": {"cpu": cpu, "memory": "4Gi"}})


@pytest.mark.parametrize("memory", ["4", "4G", "0Gi", "4gi", "1e3Mi", "", 4])
def test_memory_is_told_in_mi_or_gi(memory: object) -> None:
    assert "memory" in refused(resources={"om": {"cpu": "4", "memory": memory}})


@given(st.text(max_size=40))
def test_a_cluster_is_named_by_what_fits_into_a_pools_name(name: str) -> None:
    fits = name[:1] in set("abcdefghijklmnopqrstuvwxyz") and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    try:
        cluster(name=name)
    except ValidationError:
        assert not (fits and 0 < len(name) <= 31)
    else:
        assert fits


@pytest.mark.parametrize("field", ["cards", "waiting_minutes", "compiling", "exporting", "driver_group"])
def test_nothing_is_zero(field: str) -> None:
    fields: dict[str, Any] = (
        {"npus": {"Ascend310P3": {"resource": "huawei.com/Ascend310P", "cards": 0}}} if field == "cards" else {}
    )
    assert field in refused(**(fields or {field: 0}))


@pytest.mark.parametrize("labels", [{"a b": "c"}, {"-a": "b"}, {"a": "b c"}, {"a": "x" * 64}, {"a/b/c": "d"}])
def test_what_kubernetes_would_refuse_as_a_label_is_refused_here(labels: dict[str, str]) -> None:
    entry = {"resource": "huawei.com/Ascend310P", "cards": 1, "node_selector": labels}
    assert "node_selector" in refused(npus={"Ascend310P3": entry})
    assert "node_selector" in refused(node_selector=labels)


@pytest.mark.parametrize("name", ["", "Git", "git/key", "-git", "git key"])
def test_a_secret_and_an_account_have_names_of_kubernetes(name: str) -> None:
    assert "git_secret" in refused(git_secret=name)
    assert "service_account" in refused(service_account=name)


@pytest.mark.parametrize("one", [{}, {"key": "a", "operator": "In"}, {"key": "a", "effect": "Never"}, {"key": "a b"}])
def test_a_toleration_is_kubernetes_own(one: dict[str, Any]) -> None:
    assert "tolerations" in refused(tolerations=[one])
