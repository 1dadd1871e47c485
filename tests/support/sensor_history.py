"""What a daemon would have written of sensors: states, ticks and heartbeats, at chosen times."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

LOCATION = "ascend_assets"


def origin(name: str, location: str = LOCATION) -> RemoteInstigatorOrigin:
    code = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="nowhere"), location)
    return RemoteInstigatorOrigin(RemoteRepositoryOrigin(code, "__repository__"), name)


def beat(instance: dg.DagsterInstance, at: float) -> None:
    instance.add_daemon_heartbeat(DaemonHeartbeat(at, "SENSOR", "one", []))


def error(*messages: str) -> SerializableErrorInfo:
    """An error, outermost message first."""
    made: SerializableErrorInfo | None = None
    for message in reversed(messages):
        made = SerializableErrorInfo(f"{message}\n", [], "Error", made)
    assert made is not None
    return made


def sensor(
    instance: dg.DagsterInstance,
    name: str,
    *,
    begun: float = 0.0,
    ended: float | None = None,
    good: bool = True,
    status: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE,
    cursor: str | None = None,
    location: str = LOCATION,
    interval: int = 30,
) -> None:
    """A sensor that the daemon first saw at `begun`, and whose last tick that ended began at `ended`."""
    data = SensorInstigatorData(
        last_tick_timestamp=ended,
        min_interval=interval,
        cursor=cursor,
        last_tick_start_timestamp=ended,
        last_sensor_start_timestamp=begun,
        last_tick_success_timestamp=ended if good else None,
    )
    instance.add_instigator_state(InstigatorState(origin(name, location), InstigatorType.SENSOR, status, data))


def ticks(
    instance: dg.DagsterInstance,
    name: str,
    times: Sequence[float],
    status: TickStatus = TickStatus.SKIPPED,
    *,
    failed: SerializableErrorInfo | None = None,
    skip: str | None = None,
    run_ids: Sequence[str] = (),
) -> None:
    """Ticks at these times, oldest first."""
    where = origin(name)
    for at in times:
        instance.create_tick(
            TickData(
                instigator_origin_id=where.get_id(),
                instigator_name=name,
                instigator_type=InstigatorType.SENSOR,
                status=status,
                timestamp=at,
                end_timestamp=at + 0.5,
                selector_id=where.get_selector().get_id(),
                error=failed,
                skip_reason=skip,
                run_ids=list(run_ids),
            )
        )
