"""Steps in pods: how they are started, watched, and started anew. Imported when a run begins: dagster_k8s is slow to.

Here belongs what the executor of profile k8s does beyond dagster_k8s's own: a step whose pod is lost is started anew,
a bounded number of times, and one that a gate refused never is. Not here: what a pod asks for (`pods.py`), seeing that
it is lost (`watch.py`), or how far a run is that goes on in another pod (`resuming.py`).

Dagster would start a lost step anew by an op's retry policy alone, and that tries again whatever an op raises, too: a
refused compilation as well as a power cut.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData
from dagster._core.executor.step_delegating import StepDelegatingExecutor, step_delegating_executor
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster_k8s import K8sRunLauncher, k8s_job_executor
from dagster_k8s.container_context import K8sContainerContext
from kubernetes.client import ApiException  # noqa: TID253 - whatever loads this loads dagster_k8s
from urllib3.exceptions import HTTPError

from ascend_assets.cluster import cluster_file
from ascend_assets.cluster.client import Client, StillWorking
from ascend_assets.cluster.resuming import BEGIN, ENDS, LoggedExecution
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
_NOT_AGAIN = {MAX_RETRIES_TAG: "0"}

# Dagster's executor makes the one that it names, and there is no other way to give it another.
step_delegating_executor.ActiveExecution = LoggedExecution  # type: ignore[attr-defined]


class PodExecutor(StepDelegatingExecutor):
    """Dagster's own, in which a lost pod is no failed step yet."""

    def __init__(self, watch: WatchingHandler, **options: Any) -> None:  # noqa: ANN401 - Dagster's own
        super().__init__(step_handler=watch, **options)
        self.watch = watch
        self._ended: set[str] = set()

    def execute(self, plan_context: "PlanOrchestrationContext", execution_plan: "ExecutionPlan") -> Iterator[Any]:
        """Run the plan, after ending what is left of the runs that this one tries again."""
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
        """End the pods of the runs that this one tries again: they outlive their run worker, and would run beside.

        Raises `StillWorking`.
        """
        instance, namespace = plan_context.instance, self._namespace(plan_context)
        for earlier in _before(instance, plan_context.dagster_run):
            try:
                ended = self.watch.client.end(earlier, namespace)
            except StillWorking:
                # Dagster would try this run again within a minute, and nobody has seen to the node by then.
                instance.add_run_tags(plan_context.run_id, _NOT_AGAIN)
                raise
            for job in ended:
                plan_context.log.info("deleted %s, left by run %s", job, earlier)

    def _end_own(self, plan_context: "PlanOrchestrationContext") -> None:
        """End the run's own pods if somebody ends the run.

        Dagster leaves them alone as long as the run might go on in another pod, whoever sent the signal.
        """
        run = plan_context.instance.get_run_by_id(plan_context.run_id)
        if run is None or run.status not in _ENDED_BY_SOMEBODY:
            return
        client, namespace = self.watch.client, self._namespace(plan_context)
        try:
            jobs = client.jobs_of(run.run_id, namespace)
        except (ApiException, HTTPError) as error:
            plan_context.log.warning("the run's pods go on, for they cannot be listed: %s", error)
            return
        for job in jobs:
            plan_context.log.info("deleting %s, for the run is ended", job)
            try:
                client.delete_job(job, namespace)
            except (ApiException, HTTPError) as error:
                plan_context.log.warning("%s goes on, for it cannot be deleted: %s", job, error)

    def _pop_events(
        self, instance: dg.DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[dg.DagsterEvent]:
        """As Dagster's, without a second end of one attempt: it takes each for the end of another.

        A pod that was given up can come back with its node and say how it ended.
        """
        kept = []
        for event in super()._pop_events(instance, run_id, seen_storage_ids):
            step = event.step_key or ""
            if event.event_type == BEGIN:
                self._ended.discard(step)
            elif event.event_type in ENDS:
                if step in self._ended and step not in self.watch.overdue:
                    continue
                self.watch.overdue.discard(step)
                self._ended.add(step)
            elif _refuses(event):
                # Whatever becomes of the run: what a gate has refused is not built again until somebody wants it.
                instance.add_run_tags(run_id, _NOT_AGAIN)
            kept.append(event)
        return kept

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
    return PodExecutor(
        watch,
        retries=made.retries,
        check_step_health_interval_seconds=int(str(health)),
        max_concurrent=made._max_concurrent,  # noqa: SLF001
        should_verify_step=True,
    )


def _before(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    """The runs that a run tries again, newest first."""
    seen = {run.run_id}
    earlier = run.parent_run_id
    while earlier and earlier not in seen:
        seen.add(earlier)
        yield earlier
        found = instance.get_run_by_id(earlier)
        earlier = found.parent_run_id if found else None


def _refuses(event: dg.DagsterEvent) -> bool:
    """Whether a gate says no."""
    if event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        return False
    said = event.asset_check_evaluation_data
    return not said.passed and said.severity == dg.AssetCheckSeverity.ERROR


def _refused(step_context: "IStepContext") -> bool:
    """Whether a gate in this step has said no already. That is an answer, whatever became of the pod."""
    logs = step_context.instance.all_logs(step_context.run_id, of_type={dg.DagsterEventType.ASSET_CHECK_EVALUATION})
    events = [log.dagster_event for log in logs if log.dagster_event]
    return any(
        event.step_key == step_context.step.key and not event.asset_check_evaluation_data.passed for event in events
    )
