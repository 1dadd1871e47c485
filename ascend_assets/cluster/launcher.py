"""The run launcher of profile k8s: dagster-k8s's own, that takes an API server which is away for no death of a run.

Here belongs how a run's own pod is started and looked at. Not here: steps' pods (`watch.py`), or the launcher
of one machine (`run_launcher.py`).

Dagster's monitoring takes every run worker of which nobody can say anything for dead. While the API server restarts
that is every run: each would get a second worker beside the first, or be failed.
"""

from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import get_job_name_from_run_id
from kubernetes.client import ApiException  # noqa: TID253 - whatever loads this loads dagster_k8s
from urllib3.exceptions import HTTPError

from ascend_assets.cluster.client import Client


class ClusterRunLauncher(K8sRunLauncher):
    """`K8sRunLauncher`, with patience. Takes the same configuration."""

    def __init__(self, *arguments: Any, **config: Any) -> None:  # noqa: ANN401 - dagster-k8s's own
        super().__init__(*arguments, **config)
        self._api_client = Client.like(self._api_client)

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's pod goes on; it does as long as the API server does not answer."""
        found: CheckRunHealthResult = super().check_run_worker_health(run)
        if found.status != WorkerStatus.UNKNOWN:
            return found
        context = self.get_container_context_for_run(run)
        attempt = self._get_resume_attempt_number(run)
        job = get_job_name_from_run_id(run.run_id, resume_attempt_number=attempt)  # type: ignore[no-untyped-call]
        try:
            there = self._api_client.job(job, str(context.namespace))
        except (ApiException, HTTPError) as error:
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"nobody can say how it is: {error}")
        # Back meanwhile: the next look tells how it is.
        return found if there is None else CheckRunHealthResult(WorkerStatus.RUNNING)
