"""Targets that share a graph: repaired in turn, looked at again where the graph changed, within common bounds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import onnx
import pytest
from evidence_samples import spec
from repairable import masked_model

from ascend_assets.remedies.kinds import AnyRemedy, ClampConstants, KeepDtype, Simplify
from ascend_assets.repair import candidate_search
from ascend_assets.repair.budget import Budget
from ascend_assets.repair.candidate_bench import CandidateBench
from ascend_assets.repair.candidate_search import Place, Search, joined
from ascend_assets.repair.records import Attempt, Figures, Repair
from ascend_assets.stage import Tools

CLAMP = ClampConstants(tensors=("mask",), bound=10000.0)
SLIM = Simplify()
KEEP, OTHER = KeepDtype(nodes=("softmax",)), KeepDtype(nodes=("masked",))
SPEC = spec(
    targets=[{"soc_version": "Ascend310P3"}, {"soc_version": "Ascend910B3"}], repair={"attempts": 10, "minutes": 1}
)


def found(*remedies: AnyRemedy, passes: bool = True, attempts: int = 1) -> Repair:
    one = Attempt(
        number=1, remedies=(), cause="c", passed=passes, equivalent=None, figures=Figures(refused=()), why="", seconds=0
    )
    return Repair(
        status="not_repaired" if not passes else "repaired" if remedies else "healthy",
        causes=(),
        attempts=(one,) * attempts,
        remedies=remedies,
        before=Figures(refused=("overflow_layers",)),
        after=None,
        origin="emulated",
        ended="as scripted",
        seconds=1.0,
    )


@dataclass
class Bench:
    """Passes or not, as scripted, when it is looked at again."""

    passes: Callable[[], bool] = lambda: True
    tried: int = 0

    def try_(self, _model: Any, _options: Any) -> bool:
        self.tried += 1
        return self.passes()


@dataclass
class Script:
    """Stands for the loop: hands out repairs in order, and keeps what it was asked."""

    answers: list[Repair]
    budgets: list[Budget] = field(default_factory=list)

    def __call__(self, model: Any, options: Any, _bench: Any, *, budget: Budget, **_: Any) -> tuple[Repair, Any, Any]:
        self.budgets.append(budget)
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        return self.answers.pop(0), copy, options


@dataclass(frozen=True)
class Told:
    say: Callable[[str], None] = lambda _: None


Run = Callable[..., tuple[Search, Script]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def _run(*answers: Repair, benches: Sequence[Bench] = ()) -> tuple[Search, Script]:
        script = Script(list(answers))
        monkeypatch.setattr(candidate_search, "repair", script)
        used = benches or [Bench() for _ in SPEC.targets]
        places = [
            Place(target, cast("CandidateBench", bench), target.options(SPEC.inputs))
            for target, bench in zip(SPEC.targets, used, strict=True)
        ]
        search = Search(cast("Tools", Told()), SPEC, places, masked_model(), accept=False)
        search.run()
        return search, script

    return _run


def test_the_second_target_begins_with_the_graph_of_the_first(run: Run) -> None:
    search, script = run(found(CLAMP, KEEP), found())
    assert not search.ended
    assert search.graph == [CLAMP]
    assert [place.options for place in search.places] == [[KEEP], []]
    assert not script.answers


def test_a_target_is_looked_at_again_where_a_later_one_changed_the_graph(run: Run) -> None:
    first = Bench()
    search, _ = run(found(KEEP), found(CLAMP), benches=[first, Bench()])
    assert not search.ended
    assert first.tried == 1
    assert search.places[0].options == [KEEP]
    assert search.graph == [CLAMP]


def test_what_the_new_graph_spoils_is_repaired_anew_from_its_own_options(run: Run) -> None:
    search, _ = run(found(KEEP), found(CLAMP), found(OTHER), benches=[Bench(lambda: False), Bench()])
    assert not search.ended
    assert search.places[0].options == [OTHER], "and not both"
    assert search.places[0].found is not None
    assert len(search.places[0].found.attempts) == 2, "every attempt is kept"


def test_targets_that_want_different_graphs_for_ever_are_given_up(run: Run) -> None:
    answers = [found(CLAMP), found(SLIM)] * candidate_search.ROUNDS
    search, _ = run(*answers, benches=[Bench(lambda: False), Bench(lambda: False)])
    assert "want different graphs" in search.ended


def test_one_that_cannot_be_repaired_ends_it(run: Run) -> None:
    search, script = run(found(passes=False), found(CLAMP))
    assert search.ended == "Ascend310P3: as scripted"
    assert len(script.answers) == 1, "no time is spent on the others"
    assert search.places[1].found is None


def test_all_targets_share_the_models_bounds(run: Run) -> None:
    _, script = run(found(KEEP, attempts=7), found(CLAMP))
    assert [budget.attempts for budget in script.budgets] == [10, 3]
    assert all(budget.seconds <= 60 for budget in script.budgets)


def test_two_searches_read_as_one() -> None:
    whole = joined(found(KEEP, attempts=2), found(CLAMP, attempts=3))
    assert [one.number for one in whole.attempts] == [1, 2, 3, 4, 5]
    assert whole.remedies == (CLAMP,)
    assert whole.seconds == 2.0
