"""Logs of containers as the API serves them."""

import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kube_shim import Shim
from kube_shim.logs import Wanted, read
from kube_shim.processes import cri_line
from kube_shim.samples import Clients, pod, until
from kubernetes.client.exceptions import ApiException

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def test_the_log_of_a_running_pod_can_be_read(shim: Shim, api: Clients) -> None:
    api.core.create_namespaced_pod("default", pod("p", "echo one; echo two >&2; sleep 600"))
    until(lambda: shim.running() and shim.log("p").count("\n") == 2)
    assert api.dagster.retrieve_pod_logs("p", "default") == "one\ntwo\n"
    assert api.dagster.retrieve_pod_logs("p", "default", container_name="main", tail_lines=1) == "two\n"
    assert api.dagster.retrieve_pod_logs("p", "default", tail_lines=0) == ""
    assert api.dagster.retrieve_pod_logs("p", "default", limit_bytes=5) == "one\nt"
    assert api.dagster.retrieve_pod_logs("p", "default", since_seconds=3600) == "one\ntwo\n"


def test_times_are_told_where_they_are_asked_for_and_rise(shim: Shim, api: Clients) -> None:
    api.core.create_namespaced_pod("default", pod("p", "seq 200"))
    until(lambda: shim.pods()[0]["status"]["phase"] == "Succeeded")
    lines = api.dagster.retrieve_pod_logs("p", "default", timestamps=True).splitlines()
    times = [line.split(" ")[0] for line in lines]
    assert [line.split(" ")[1] for line in lines] == [str(number) for number in range(1, 201)]
    assert all(TIME.fullmatch(time) for time in times)
    assert len(set(times)) == len(times), "Dagster's reader joins lines of one time"
    assert times == sorted(times)


def test_a_log_is_followed_to_its_end(shim: Shim, api: Clients) -> None:
    api.core.create_namespaced_pod("default", pod("p", "echo one; while ! test -e go; do sleep 0.05; done; echo two"))
    until(lambda: shim.running() and shim.log("p"))
    stream = api.core.read_namespaced_pod_log("p", "default", follow=True, _preload_content=False)
    assert stream.read(4) == b"one\n"
    (shim.folder("p") / "main" / "go").touch()
    assert stream.read() == b"two\n"


def test_what_is_no_text_and_lines_without_end_arrive_as_they_are(shim: Shim, api: Clients) -> None:
    api.core.create_namespaced_pod(
        "default", pod("p", r"printf '\377\000x'; head -c 100000 /dev/zero | tr '\0' y; echo; printf end")
    )
    until(lambda: shim.pods()[0]["status"]["phase"] == "Succeeded")
    data = api.core.read_namespaced_pod_log("p", "default", _preload_content=False).data
    assert data == b"\xff\x00x" + b"y" * 100_000 + b"\nend"


def test_a_pod_that_has_not_started_has_no_log(shim: Shim, api: Clients) -> None:
    shim.refuse_image("step:1")
    api.core.create_namespaced_pod("default", pod("p", "true"))
    until(lambda: shim.pods()[0]["status"].get("containerStatuses"))
    with pytest.raises(ApiException) as refused:
        api.core.read_namespaced_pod_log("p", "default")
    assert refused.value.status == 400
    assert 'container \\"main\\" in pod \\"p\\" is waiting to start' in refused.value.body


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, "a container name must be specified for pod p, choose one of: [main side]"),
        ({"container": "other"}, "container other is not valid for pod p"),
        ({"container": "main", "previous": True}, "previous terminated container"),
    ],
)
def test_it_is_said_which_log_there_is(shim: Shim, api: Clients, how: dict[str, str], said: str) -> None:
    manifest = pod("p", "true")
    manifest["spec"]["containers"].append({"name": "side", "image": "i:1", "args": ["true"]})
    api.core.create_namespaced_pod("default", manifest)
    until(lambda: shim.pods()[0]["status"]["phase"] == "Succeeded")
    with pytest.raises(ApiException) as refused:
        api.core.read_namespaced_pod_log("p", "default", **how)
    assert refused.value.status == 400
    assert said in refused.value.body


@given(st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"") + b"\n"), max_size=8), st.data())
def test_the_end_of_a_log_is_its_last_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], data: st.DataObject
) -> None:
    """Whatever the lines hold."""
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"".join(cri_line(number + 1, line) for number, line in enumerate(lines)))
    tail = data.draw(st.integers(min_value=0, max_value=10))
    assert list(read(path, Wanted(tail=tail), lambda: True)) == (lines[-tail:] if tail else [])


def test_a_line_that_is_written_while_it_is_followed_arrives_whole(tmp_path: Path) -> None:
    path, over = tmp_path / "log", threading.Event()
    got: list[bytes] = []
    line = cri_line(1, b"a line\n")
    path.write_bytes(line[:20])

    def follow() -> None:
        got.extend(read(path, Wanted(follow=True), over.is_set))

    thread = threading.Thread(target=follow)
    thread.start()
    with path.open("ab") as file:
        file.write(line[20:])
    until(lambda: got)
    over.set()
    thread.join()
    assert got == [b"a line\n"]
