"""A run that goes on in another pod: what its log says has begun and has ended is so, whatever the pools say now."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.objects import StepRetryData, StepSuccessData
from dagster._core.execution.plan.outputs import StepOutputData, StepOutputHandle
from dagster._core.execution.retries import RetryMode
from dagster_shared.error import SerializableErrorInfo

from ascend_assets.cluster.resuming import LoggedExecution

POOL = "npu"
OURS, OTHER = "11111111-1111-4111-8111-111111111111", "another run"

LOST = SerializableErrorInfo("its pod is lost", [], None)


@dg.asset
def source() -> None: ...


@dg.asset(deps=[source], pool=POOL)
def first() -> None: ...


@dg.asset(deps=[source], pool=POOL)
def second() -> None: ...


@dg.asset(deps=[first, second])
def last() -> None: ...


JOB = dg.Definitions(assets=[source, first, second, last], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")


def event(kind: dg.DagsterEventType, step: str, data: object = None) -> dg.DagsterEvent:
    return dg.DagsterEvent(kind.value, JOB.name, step_key=step, event_specific_data=data)  # type: ignore[arg-type]


def begun(step: str) -> dg.DagsterEvent:
    return event(dg.DagsterEventType.STEP_WORKER_STARTING, step, EngineEventData())


def made(step: str) -> list[dg.DagsterEvent]:
    output = StepOutputData(step_output_handle=StepOutputHandle(step, "result"))
    done = StepSuccessData(duration_ms=1.0)  # type: ignore[no-untyped-call]
    return [event(dg.DagsterEventType.STEP_OUTPUT, step, output), event(dg.DagsterEventType.STEP_SUCCESS, step, done)]


def again(step: str, seconds: int = 60) -> dg.DagsterEvent:
    return event(dg.DagsterEventType.STEP_UP_FOR_RETRY, step, StepRetryData(LOST, seconds))  # type: ignore[no-untyped-call]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(
        temp_dir=str(tmp_path), overrides={"concurrency": {"pools": {"granularity": "op"}}}
    ) as it:
        it.event_log_storage.set_concurrency_slots(POOL, 1)
        yield it


@contextmanager
def resumed(instance: dg.DagsterInstance, *events: dg.DagsterEvent) -> Iterator[tuple[LoggedExecution, set[str]]]:
    """A run of which that is in the log, and the steps that may be at work. It is left in the middle."""
    run, plan = instance.create_run_for_job(JOB, run_id=OURS), create_execution_plan(JOB)
    given: Any = {"retry_mode": RetryMode.ENABLED, "max_concurrent": 2}
    with InstanceConcurrencyContext(instance, run) as pools:
        found = LoggedExecution(plan, **given, instance_concurrency_context=pools)
        found.__enter__()
        yield found, {step.key for step in found.rebuild_from_events(events)}


def next_steps(found: LoggedExecution) -> set[str]:
    return {step.key for step in found.get_steps_to_execute()}


def test_what_has_ended_has_ended_though_its_pool_is_full_now(instance: dg.DagsterInstance) -> None:
    assert instance.event_log_storage.claim_concurrency_slot(POOL, OTHER, "step").is_claimed
    events = [begun("source"), *made("source"), begun("first"), *made("first")]
    with resumed(instance, *events) as (found, at_work):
        assert at_work == set()
        assert next_steps(found) == set(), "the other waits for the pool"
        instance.event_log_storage.free_concurrency_slots_for_run(OTHER)
        found._instance_concurrency_context._pending_timeouts.clear()  # type: ignore[union-attr]
        assert next_steps(found) == {"second"}


def test_what_was_tried_again_has_ended(instance: dg.DagsterInstance) -> None:
    events = [begun("source"), again("source"), begun("source"), *made("source")]
    with resumed(instance, *events) as (found, at_work):
        assert at_work == set()
        assert next_steps(found) == {"first"}


def test_what_is_tried_again_now_may_be_at_work(instance: dg.DagsterInstance) -> None:
    with resumed(instance, begun("source"), again("source"), begun("source")) as (found, at_work):
        assert at_work == {"source"}
        for each in made("source"):
            found.handle_event(each)
        assert found.get_known_state().get_retry_state().get_attempt_count("source") == 1


def test_what_waits_to_be_tried_again_waits(instance: dg.DagsterInstance) -> None:
    with resumed(instance, begun("source"), again("source")) as (found, at_work):
        assert at_work == set()
        assert next_steps(found) == set()
        assert not found.is_complete


def test_a_step_at_work_keeps_its_slot_and_gives_it_back(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert storage.claim_concurrency_slot(POOL, OURS, "first").is_claimed
    events = [begun("source"), *made("source"), begun("first"), again("first"), begun("first")]
    with resumed(instance, *events) as (found, at_work):
        assert at_work == {"first"}
        assert not storage.claim_concurrency_slot(POOL, OTHER, "step").is_claimed, "a replay frees nothing"
        for each in made("first"):
            found.handle_event(each)
        assert storage.claim_concurrency_slot(POOL, OTHER, "step").is_claimed


def test_a_step_whose_slot_somebody_has_freed_works_on(instance: dg.DagsterInstance) -> None:
    assert instance.event_log_storage.claim_concurrency_slot(POOL, OTHER, "step").is_claimed
    with resumed(instance, begun("source"), *made("source"), begun("first")) as (found, at_work):
        assert at_work == {"first"}
        pools = found._instance_concurrency_context
        assert pools is not None
        assert not pools.has_pending_claims(), "a run with one never ends"


def test_no_more_begin_than_may(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots(POOL, 5)
    with resumed(instance, begun("source"), *made("source")) as (found, at_work):
        assert at_work == set()
        assert next_steps(found) == {"first", "second"}
        assert found._max_concurrent == 2


def test_what_was_skipped_is_no_error(instance: dg.DagsterInstance) -> None:
    _, done = made("source")
    skipped = [event(dg.DagsterEventType.STEP_SKIPPED, step) for step in ("first", "second", "last")]
    with resumed(instance, begun("source"), done, *skipped) as (found, at_work):
        assert at_work == set()
        assert {step.key for step in found.get_steps_to_skip()} == {"first", "second"}
