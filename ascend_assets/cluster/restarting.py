"""A step in a pod that is told to end, or whose store is away, is started anew a bounded number of times.

Here belongs which errors pass by themselves, in profile k8s. Elsewhere nothing is wrapped: there a step ends when its
person, or its machine, does. Not here: a pod that is lost without a word (`steps.py`).

A pod that is drained or preempted gets SIGTERM first, and Dagster would take the step for failed by its own fault.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import dagster as dg

from resources.home import in_cluster
from resources.store.objects import StoreUnreachable

TIMES = 2
"""How often, with the pods that were lost (`steps.MAX_LOST`)."""
STORE_SECONDS = 60
"""How long a store that is away gets, after the tries that its own client makes."""
POD_SECONDS = 10


@contextmanager
def restarting() -> Iterator[None]:
    """Let Dagster start the step anew for what passes by itself. Raises `dagster.RetryRequested`."""
    try:
        yield
    except StoreUnreachable as error:
        _again(error, STORE_SECONDS)
        raise
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt) as error:
        _again(error, POD_SECONDS)
        raise


def restarted(make: Callable[..., Any]) -> Callable[..., Any]:
    """The same computation, started anew for what passes by itself.

    Not once it has told anything of its result: what a gate has said stands.
    """
    if not in_cluster():
        return make
    if not inspect.isgeneratorfunction(make):

        @wraps(make)
        def returned(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as `make` does
            with restarting():
                return make(*arguments, **named)

        return returned

    @wraps(make)
    def yielded(*arguments: Any, **named: Any) -> Iterator[object]:  # noqa: ANN401 - as `make` does
        results = make(*arguments, **named)
        with restarting():
            first = next(results, None)
        if first is not None:
            yield first
            yield from results

    return yielded


def _again(error: BaseException, seconds: int) -> None:
    if in_cluster():
        raise dg.RetryRequested(max_retries=TIMES, seconds_to_wait=seconds) from error
