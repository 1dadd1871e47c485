"""Which executor runs the steps, and what a run may say of it."""

import os
import subprocess
import sys

import dagster as dg
import pytest

from ascend_assets.cluster.executor import executor
from resources.home import PROJECT, BadProfile


def test_on_one_machine_a_run_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_PROFILE", "local")
    assert executor() is dg.in_process_executor


def test_in_a_cluster_a_step_is_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_PROFILE", "k8s")
    assert executor().name == "k8s"


def test_a_profile_that_there_is_not_is_no_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_PROFILE", "cloud")
    with pytest.raises(BadProfile):
        executor()


def test_a_step_does_not_pay_for_kubernetes_client_to_be_imported() -> None:
    called = "from ascend_assets.cluster import executor; executor.executor()"
    code = f"import sys; {called}; sys.exit('kubernetes' in sys.modules)"
    variables = {"PATH": os.environ["PATH"], "ASCEND_PROFILE": "k8s", "PYTHONPATH": str(PROJECT)}
    assert subprocess.run((sys.executable, "-c", code), env=variables, check=False, timeout=240).returncode == 0
