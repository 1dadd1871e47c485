"""Which errors of a step start it anew, where, and how often."""

from collections.abc import Iterator

import dagster as dg
import pytest

from ascend_assets.cluster.restarting import TIMES, restarted, restarting
from resources.store.objects import CorruptBlob, StoreUnreachable

PASSING = [StoreUnreachable("no answer"), dg.DagsterExecutionInterruptedError(), KeyboardInterrupt()]
LASTING = [CorruptBlob("other bytes"), ValueError("no"), dg.Failure("refused", allow_retries=False)]


@pytest.fixture
def in_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_PROFILE", "k8s")


@pytest.mark.usefixtures("in_a_pod")
@pytest.mark.parametrize("error", PASSING)
def test_what_passes_by_itself_is_tried_again_a_bounded_number_of_times(error: BaseException) -> None:
    with pytest.raises(dg.RetryRequested) as caught, restarting():
        raise error
    assert caught.value.max_retries == TIMES
    assert caught.value.__cause__ is error


@pytest.mark.usefixtures("in_a_pod")
@pytest.mark.parametrize("error", LASTING)
def test_what_does_not_is_not(error: Exception) -> None:
    with pytest.raises(type(error)), restarting():
        raise error


@pytest.mark.parametrize("error", PASSING)
def test_outside_a_pod_nothing_is(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASCEND_PROFILE", raising=False)
    with pytest.raises(type(error)), restarting():
        raise error


def test_outside_a_pod_a_computation_stays_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASCEND_PROFILE", raising=False)

    def make() -> None: ...

    assert restarted(make) is make


@pytest.mark.usefixtures("in_a_pod")
def test_a_computation_keeps_its_results_and_its_form() -> None:
    def returns(number: int) -> int:
        return number + 1

    def yields(number: int) -> Iterator[int]:
        yield from range(number)

    assert restarted(returns)(1) == 2
    assert restarted(returns).__annotations__ == returns.__annotations__
    assert list(restarted(yields)(3)) == [0, 1, 2]
    assert list(restarted(yields)(0)) == []


@pytest.mark.usefixtures("in_a_pod")
def test_once_a_verdict_is_told_nothing_is_tried_again() -> None:
    def judges(*, after: bool) -> Iterator[str]:
        if not after:
            raise StoreUnreachable("before")
        yield "no"
        raise StoreUnreachable("after")

    with pytest.raises(dg.RetryRequested):
        list(restarted(judges)(after=False))
    told = restarted(judges)(after=True)
    assert next(told) == "no"
    with pytest.raises(StoreUnreachable):
        next(told)
