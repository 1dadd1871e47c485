"""Several cards: told of a model that one does not hold, and of no other."""

from dossier_samples import complete

from ascend_assets.dossier.content import Content
from ascend_assets.dossier.render import render
from ascend_assets.dossier.views.evidence import evidence


def needing(share: float) -> Content:
    """The complete candidate, each of its targets needing that share of its card's memory."""
    content = complete()
    targets = []
    for target in content.targets:
        assert target.benchmark is not None
        old = target.benchmark.profile
        new = old.model_copy(update={"memory_bytes": int(old.memory_available_bytes * share)})
        record = target.benchmark.model_copy(update={"profile": new})
        targets.append(type(target)(**{**vars(target), "benchmark": record}))
    return Content(**{**vars(content), "targets": tuple(targets)})


def test_a_model_that_one_card_does_not_hold_gets_advice_in_both_languages() -> None:
    page = render(needing(1.5))
    assert "Several cards" in page
    assert "begin with" in page
    assert "建议先用" in page


def test_a_model_that_fits_gets_none() -> None:
    assert not any(item.cards for item in evidence(needing(0.5)).performance)
    assert "Several cards" not in render(needing(0.5))


def test_hostile_names_of_nodes_stay_text() -> None:
    content = needing(1.5)
    target = content.targets[0]
    assert target.benchmark is not None
    old = target.benchmark.profile
    ops = tuple(op.model_copy(update={"node": "<script>alert(1)</script>"}) for op in old.ops)
    record = target.benchmark.model_copy(update={"profile": old.model_copy(update={"ops": ops})})
    page = render(Content(**{**vars(content), "targets": (type(target)(**{**vars(target), "benchmark": record}),)}))
    assert "<script>" not in page
