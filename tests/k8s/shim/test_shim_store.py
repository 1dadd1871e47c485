"""The table of objects: versions, conflicts, and that a watch loses nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kube_shim.images import Images
from kube_shim.kinds import CONFIG_MAPS, NODES, Json
from kube_shim.selectors import selector
from kube_shim.store import Store
from kube_shim.trouble import ApiError

NAMES = ("a", "b", "c")
STEPS = st.lists(st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from(NAMES), st.sampled_from(["x", "y"])))


def manifest(name: str, label: str) -> Json:
    return {"metadata": {"name": name, "namespace": "default", "labels": {"l": label}}}


def apply(store: Store, step: tuple[str, str, str]) -> None:
    verb, name, label = step
    found = store.find(CONFIG_MAPS, "default", name)
    if verb == "remove" and found:
        store.remove(CONFIG_MAPS, found)
    elif verb == "put" and found:
        store.update(CONFIG_MAPS, found, lambda item: item["metadata"].update(labels={"l": label}))
    elif verb == "put":
        store.create(CONFIG_MAPS, manifest(name, label))


@given(STEPS, STEPS)
def test_what_was_there_and_what_happened_since_is_what_is_there(before: Any, after: Any) -> None:
    store = Store()
    for step in before:
        apply(store, step)
    seen = {item["metadata"]["name"]: item for item in store.all(CONFIG_MAPS)}
    version = store.version
    for step in after:
        apply(store, step)
    for change in store.since(version, 0):
        assert change.version > version
        name = change.after["metadata"]["name"]
        assert (name in seen) == (change.type != "ADDED")
        if change.type == "DELETED":
            del seen[name]
        else:
            seen[name] = change.after
    assert list(seen.values()) == [] or sorted(seen) == [item["metadata"]["name"] for item in store.all(CONFIG_MAPS)]
    assert all(store.find(CONFIG_MAPS, "default", name) == item for name, item in seen.items())


@given(STEPS)
def test_versions_rise_and_objects_that_were_handed_out_do_not_change(steps: Any) -> None:
    store, versions, handed = Store(), [], []
    for step in steps:
        apply(store, step)
        versions.append(store.version)
        handed += [(item, str(item)) for item in store.all()]
    assert versions == sorted(versions)
    assert all(str(item) == text for item, text in handed)


def test_a_change_that_changes_nothing_is_none() -> None:
    store = Store()
    made = store.create(CONFIG_MAPS, manifest("a", "x"))
    version = store.version
    assert store.update(CONFIG_MAPS, made, lambda _: None) == made
    assert store.version == version


def test_an_object_of_the_same_name_is_not_the_same_object() -> None:
    store = Store()
    first = store.create(CONFIG_MAPS, manifest("a", "x"))
    store.remove(CONFIG_MAPS, first)
    second = store.create(CONFIG_MAPS, manifest("a", "x"))
    assert store.update(CONFIG_MAPS, first, lambda item: item["metadata"].update(labels={})) is None
    store.remove(CONFIG_MAPS, first)
    assert store.get(CONFIG_MAPS, "default", "a") == second


def test_what_is_no_longer_known_is_gone() -> None:
    store = Store(history=2)
    version = store.version
    for name in NAMES:
        store.create(CONFIG_MAPS, manifest(name, "x"))
    with pytest.raises(ApiError) as refused:
        store.since(version, 0)
    assert (refused.value.code, refused.value.reason) == (410, "Expired")
    assert [change.after["metadata"]["name"] for change in store.since(store.version - 1, 0)] == ["c"]


def test_generated_names_differ_and_are_never_too_long() -> None:
    store = Store()
    made = {"metadata": {"generateName": "n" * 70, "namespace": "default"}}
    names = {store.create(CONFIG_MAPS, made)["metadata"]["name"] for _ in range(20)}
    assert len(names) == 20
    assert {len(name) for name in names} == {63}


def test_objects_without_a_namespace_have_one_name_everywhere() -> None:
    store = Store()
    store.create(NODES, {"metadata": {"name": "n"}})
    assert store.find(NODES, "anywhere", "n") is not None


@given(st.text(max_size=30))
def test_any_selector_is_read_or_refused(text: str) -> None:
    for labels, fields in ((text, ""), ("", text)):
        try:
            chosen = selector(CONFIG_MAPS, labels, fields)
        except ApiError:
            continue
        assert chosen(manifest("a", "x")) in {True, False}


@pytest.mark.parametrize(
    ("policy", "image", "trouble"),
    [
        ("IfNotPresent", "here:1", ""),
        ("IfNotPresent", "there:1", ""),
        ("IfNotPresent", "nowhere:1", "ErrImagePull"),
        ("Always", "here:1", "ErrImagePull"),
        ("Always", "there:1", ""),
        ("Never", "here:1", ""),
        ("Never", "there:1", "ErrImageNeverPull"),
    ],
)
def test_an_image_is_on_the_node_or_in_the_registry(policy: str, image: str, trouble: str) -> None:
    images = Images({"there:1"}, {"n": frozenset({"here:1"})})
    found = images.trouble("n", image, policy)
    assert (found[0] if found else "") == trouble


def test_an_image_that_is_refused_is_had_by_nobody_until_it_is_allowed() -> None:
    images = Images(None, {"n": frozenset({"here:1"})})
    assert images.trouble("n", "here:1", "IfNotPresent") is None
    images.refuse("here:1")
    assert images.trouble("n", "here:1", "IfNotPresent") is not None
    images.allow("here:1")
    assert images.trouble("n", "here:1", "IfNotPresent") is None
