"""How far a run is, made again from its log: for a run whose own pod was lost, and which goes on in another.

Here belongs what Dagster's replay leaves out. Not here: starting or watching a step (`steps.py`, `watch.py`).

Dagster takes for begun what it would begin itself as it replays. It would not begin a step whose pool is full by now,
nor one that waits to be tried again, and takes the end of such a step, which the log has, for an error of its own that
ends the run; that a step was skipped likewise.
"""

from collections.abc import Sequence

import dagster as dg
from dagster._core.execution.plan.active import ActiveExecution, _pool_key_for_step
from dagster._core.execution.plan.step import ExecutionStep

BEGIN = dg.DagsterEventType.STEP_WORKER_STARTING
"""What is written before a step's Job is made."""
ENDS = frozenset(
    {
        dg.DagsterEventType.STEP_SUCCESS,
        dg.DagsterEventType.STEP_FAILURE,
        dg.DagsterEventType.STEP_UP_FOR_RETRY,
    }
)


class LoggedExecution(ActiveExecution):
    """Dagster's own, which takes the log's word for what has begun and what has ended."""

    def rebuild_from_events(self, dagster_events: Sequence[dg.DagsterEvent]) -> Sequence[ExecutionStep]:
        """Replay, and return the steps of which a pod may be at work. What else could begin waits for its turn."""
        # Nothing is asked of a pool as long as what is told is the past.
        pools, self._instance_concurrency_context = self._instance_concurrency_context, None
        most, self._max_concurrent = self._max_concurrent, None
        try:
            at_work = self._replay(dagster_events)
        finally:
            self._instance_concurrency_context, self._max_concurrent = pools, most
        for key in sorted(self._in_flight - at_work):
            self._in_flight.remove(key)
            self._executable.append(key)
        steps = [self.get_step_by_key(key) for key in sorted(at_work)]
        for step in steps:
            self._take_over(step)
        return steps

    def _replay(self, events: Sequence[dg.DagsterEvent]) -> set[str]:
        at_work: set[str] = set()
        self.get_steps_to_execute()
        for event in events:
            if event.is_step_skipped:
                continue  # what was skipped is found to be so once more
            step = event.step_key or ""
            if event.event_type == BEGIN or event.event_type in ENDS:
                self._let_begin(step)
                at_work.add(step)
            self.handle_event(event)
            if event.event_type in ENDS:
                at_work.remove(step)
            self.get_steps_to_execute()
        return at_work

    def _let_begin(self, step: str) -> None:
        """A step that waits to be tried again has begun since."""
        if step not in self._in_flight:
            self._waiting_to_retry.pop(step, None)
            self._pending.pop(step, None)
            self._in_flight.add(step)

    def _take_over(self, step: ExecutionStep) -> None:
        """Hold the slot of a pool that the run's earlier worker took for a step.

        Where somebody has freed it meanwhile and the pool is full, the step works on without.
        """
        pools, pool = self._instance_concurrency_context, _pool_key_for_step(step)
        if pools is None or not pool or pools.claim(pool, step.key):
            return
        pools._instance.event_log_storage.free_concurrency_slot_for_step(pools._run_id, step.key)  # noqa: SLF001
        pools._pending_claims.discard(step.key)  # noqa: SLF001 - Dagster waits for what is claimed before it ends a run
