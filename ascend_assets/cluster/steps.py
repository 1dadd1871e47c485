"""Steps in pods: how they are started, watched, and started anew. Imported when a run begins: dagster_k8s is slow to.

Here belongs what the executor of profile k8s does beyond dagster_k8s's own: a step whose pod is lost is started anew,
a bounded number of times, and one that a gate refused never is. Not here: what a pod asks for (`pods.py`), or seeing
that it is lost (`watch.py`).

Dagster would start a lost step anew by an op's retry policy alone, and that tries again whatever an op raises, too: a
refused compilation as well as a power cut.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData
from dagster._core.executor.step_delegating import StepDelegatingExecutor
from dagster_k8s import K8sRunLauncher, k8s_job_executor
from dagster_k8s.container_context import K8sContainerContext

from ascend_assets.cluster import cluster_file
from ascend_assets.cluster.client import Client
from ascend_assets.cluster.watch import WatchingHandler

if TYPE_CHECKING:
    from dagster._core.execution.context.system import IStepContext, PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.plan.state import KnownExecutionState
    from dagster._core.executor.base import Executor
    from dagster_shared.error import SerializableErrorInfo

MAX_LOST = 2
"""How often a step whose pod was lost is started anew; whoever loses a third pod is likely to be the cause."""
AGAIN_SECONDS = 10
_ENDED_BY_SOMEBODY = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)
"""A run that takes too long is marked as failed by the daemon."""


class PodExecutor(StepDelegatingExecutor):
    """Dagster's own, in which a lost pod is no failed step yet."""

    watch: WatchingHandler

    def execute(self, plan_context: "PlanOrchestrationContext", execution_plan: "ExecutionPlan") -> Iterator[Any]:
        """Run the plan, after ending what is left of the run that this one tries again."""
        self._end_of(plan_context)
        try:
            yield from super().execute(plan_context, execution_plan)
        except DagsterExecutionInterruptedError:
            self._end_own(plan_context)
            raise

    def log_failure_or_retry_event_after_error(
        self, step_context: "IStepContext", err_info: "SerializableErrorInfo", known_state: "KnownExecutionState"
    ) -> dg.DagsterEvent:
        """A step's pod is lost, or could not begin: start the step anew, or let it have failed."""
        step = step_context.step.key
        lost = known_state.get_retry_state().get_attempt_count(step)
        if lost < MAX_LOST and step not in self.watch.given_up and not _refused(step_context):
            again = StepRetryData(error=err_info, seconds_to_wait=AGAIN_SECONDS)  # type: ignore[no-untyped-call] # Dagster's
            return dg.DagsterEvent.step_retry_event(step_context, again)
        failed = StepFailureData(error=err_info, user_failure_data=None)  # type: ignore[no-untyped-call]
        return dg.DagsterEvent.step_failure_event(step_context=step_context, step_failure_data=failed)

    def _end_of(self, plan_context: "PlanOrchestrationContext") -> None:
        """End the pods of the run that this one tries again: they outlive their run worker, and would run beside.

        Raises `StillWorking`.
        """
        run = plan_context.dagster_run
        if not run.parent_run_id or plan_context.resume_from_failure:
            return
        for job in self.watch.client.end(run.parent_run_id, self._namespace(plan_context)):
            plan_context.log.info("deleted %s, left by run %s", job, run.parent_run_id)

    def _end_own(self, plan_context: "PlanOrchestrationContext") -> None:
        """End the run's own pods if somebody ends the run.

        Dagster leaves them alone as long as the run might go on in another pod, whoever sent the signal.
        """
        run = plan_context.instance.get_run_by_id(plan_context.run_id)
        if run is None or run.status not in _ENDED_BY_SOMEBODY:
            return
        namespace = self._namespace(plan_context)
        for job in self.watch.client.jobs_of(run.run_id, namespace):
            plan_context.log.info("deleting %s, for the run is ended", job)
            self.watch.client.delete(job, namespace)

    def _namespace(self, plan_context: "PlanOrchestrationContext") -> str:
        launcher = plan_context.instance.run_launcher
        own = launcher if isinstance(launcher, K8sRunLauncher) else None
        context = K8sContainerContext.create_for_run(plan_context.dagster_run, own, include_run_tags=False)
        return str(context.merge(self.watch.handler._executor_container_context).namespace)  # noqa: SLF001 - its own


def build(context: dg.InitExecutorContext) -> "Executor":
    """The executor of one run. Raises `BadCluster`."""
    given = dict(context.executor_config)
    health = given.pop("health_seconds")
    config: dict[str, Any] = {**given, "retries": {"enabled": {}}}
    create = k8s_job_executor.executor_creation_fn
    made = create(context._replace(executor_config=config)) if create else None
    if not isinstance(made, StepDelegatingExecutor):
        raise TypeError("dagster_k8s.k8s_job_executor is another one than this was written for")
    handler: Any = made._step_handler  # noqa: SLF001 - it has no other way to be told from its executor
    handler._api_client = client = Client.like(handler._api_client)  # noqa: SLF001
    watch = WatchingHandler(handler, client, 60.0 * cluster_file.in_force().waiting_minutes)
    executor = PodExecutor(
        step_handler=watch,
        retries=made.retries,
        check_step_health_interval_seconds=int(str(health)),
        max_concurrent=made._max_concurrent,  # noqa: SLF001
        should_verify_step=True,
    )
    executor.watch = watch
    return executor


def _refused(step_context: "IStepContext") -> bool:
    """Whether a gate in this step has said no already. That is an answer, whatever became of the pod."""
    logs = step_context.instance.all_logs(step_context.run_id, of_type={dg.DagsterEventType.ASSET_CHECK_EVALUATION})
    events = [log.dagster_event for log in logs if log.dagster_event]
    return any(
        event.step_key == step_context.step.key and not event.asset_check_evaluation_data.passed for event in events
    )
