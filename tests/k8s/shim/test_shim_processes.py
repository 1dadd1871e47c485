"""Processes: none is left behind, whoever ends first; and many at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from kube_shim import Node, Pace, Shim, ShimBroken, running_shim
from kube_shim.samples import Clients, clients, job, pod, until

from resources.home import PROJECT

# A pod's shell, a child in a session of its own, and one that has lost its parent; each knows the mark.
MARKED = "setsid sleep {mark} & (setsid sleep {mark} &) ; trap '' TERM; echo up; while :; do sleep 0.1; done"


def alive(mark: str) -> list[int]:
    """Processes whose command line has the mark."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if mark.encode() in line:
                found.append(int(folder.name))
    return found


@pytest.fixture
def mark() -> str:
    """A number of seconds that no other test sleeps."""
    return f"{86400 + os.getpid()}.{time.monotonic_ns() % 10**9:09}"


def test_nothing_is_left_when_the_shim_ends(tmp_path: Path, mark: str) -> None:
    with running_shim(tmp_path, [Node("n")], env={"PATH": "/usr/bin:/bin"}) as shim:
        api = clients(shim.kubeconfig)
        for number in range(3):
            api.core.create_namespaced_pod("default", pod(f"p{number}", MARKED.format(mark=mark)))
        until(lambda: len(shim.running()) == 3 and all("up" in shim.log(name) for name in shim.running()))
        assert len(alive(mark)) >= 9
        assert all(len(shim.pids(f"p{number}")) >= 3 for number in range(3))
    assert not alive(mark)


def test_nothing_is_left_when_a_test_fails(tmp_path: Path, mark: str) -> None:
    def fail() -> None:
        with running_shim(tmp_path, [Node("n")], env={"PATH": "/usr/bin:/bin"}) as shim:
            shim.create(pod("p", MARKED.format(mark=mark)))
            until(lambda: shim.running() and "up" in shim.log("p"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not alive(mark)


def test_nothing_is_left_when_a_container_ends(shim: Shim, api: Clients, mark: str) -> None:
    api.core.create_namespaced_pod("default", pod("p", f"setsid sleep {mark} & (setsid sleep {mark} &) ; exit 0"))
    until(lambda: shim.pods()[0]["status"]["phase"] == "Succeeded")
    assert not alive(mark)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_the_shims_process_is_ended(mark: str, end: signal.Signals) -> None:
    path = f"{PROJECT}{os.pathsep}{PROJECT / 'tests' / 'support'}"
    command = (sys.executable, "-m", "kube_shim", "--nodes", "n1:huawei.com/Ascend310P=1,cpu=2", "n2")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path}, text=True)
    try:
        assert process.stdout is not None
        kubeconfig = Path(process.stdout.readline().strip())
        api = clients(kubeconfig)
        assert {node.metadata.name for node in api.core.list_node().items} == {"n1", "n2"}
        api.core.create_namespaced_pod("default", pod("p", MARKED.format(mark=mark), npus=1))
        until(lambda: "up" in _log(api))
        assert alive(mark)
    finally:
        process.send_signal(end)
        process.wait(60)
    until(lambda: not alive(mark))
    assert kubeconfig.exists() == (end == signal.SIGKILL)


def _log(api: Clients) -> str:
    [found] = api.core.list_namespaced_pod("default").items
    return str(api.dagster.retrieve_pod_logs("p", "default")) if found.status.phase == "Running" else ""


def test_many_at_once(tmp_path: Path) -> None:
    nodes = [Node("a", {"huawei.com/Ascend310P": "4"}), Node("b", {"huawei.com/Ascend310P": "4"})]
    script = "echo $ASCEND_VISIBLE_DEVICES; sleep 0.2"
    with running_shim(tmp_path, nodes, env={"PATH": "/usr/bin:/bin"}) as shim:
        api = clients(shim.kubeconfig)
        for number in range(20):
            api.batch.create_namespaced_job("default", job(f"j{number}", script, npus=1))
        for number in range(20):
            api.dagster.wait_for_job_success(f"j{number}", "default", wait_timeout=120, wait_time_between_attempts=0.05)
        assert not shim.running()
        assert {shim.log(found["metadata"]["name"]) for found in shim.pods()} <= {f"{n}\n" for n in range(4)}
        assert len(shim.pods()) == 20


def test_a_container_that_is_killed_by_another_hand_has_failed(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "sleep 600"))
    [name] = until(shim.running)
    os.kill(shim.pids(name)[0], signal.SIGSEGV)
    status = until(lambda: [p["status"] for p in shim.pods() if p["status"]["phase"] == "Failed"])[0]
    terminated = status["containerStatuses"][0]["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (139, "Error")


def test_a_pod_whose_supervisor_is_killed_has_failed_and_its_process_ends(shim: Shim, api: Clients, mark: str) -> None:
    api.core.create_namespaced_pod("default", pod("p", f"exec sleep {mark}"))

    def sleeping() -> int:
        """Zero until it is the program itself: a fork is not yet told to die with its parent."""
        pids = shim.pids("p") if shim.running() else []
        own = pids and Path(f"/proc/{pids[0]}/cmdline").read_bytes() == f"sleep\0{mark}\0".encode()
        return pids[0] if own else 0

    stat = Path(f"/proc/{until(sleeping)}/stat").read_text()
    os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)
    status = until(lambda: [p["status"] for p in shim.pods() if p["status"]["phase"] == "Failed"])[0]
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137
    until(lambda: not alive(mark))


def test_a_shim_that_fails_itself_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(ShimBroken, match="no-such-kind"),
        running_shim(tmp_path, [Node("n")], pace=Pace(look=0.01)) as shim,
    ):
        shim._parts.front.failures.append(ValueError("no-such-kind"))


def test_the_ports_of_two_shims_differ(tmp_path: Path) -> None:
    with running_shim(tmp_path / "a", [Node("n")]) as one, running_shim(tmp_path / "b", [Node("n")]) as other:
        assert one.endpoint != other.endpoint
        server = yaml.safe_load(one.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        assert server == one.endpoint
        clients(one.kubeconfig).core.create_namespaced_pod("default", pod("p", "true"))
        assert not other.pods()
