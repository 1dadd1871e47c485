"""The chain of digests is read off the records; a record about something else is a broken link."""

from dataclasses import replace

import dossier_samples as samples

from ascend_assets.dossier.chain import links


def test_every_record_is_a_link_in_the_order_of_the_walk() -> None:
    chain = links(samples.complete())
    per_target = ["om", "precision", "benchmark"]
    assert [link.stage for link in chain] == ["source", "onnx", "lint", *per_target, *per_target]
    assert not any(link.broken for link in chain)


def test_evidence_about_another_om_is_a_broken_link() -> None:
    whole = samples.complete()
    first = whole.targets[0]
    assert first.benchmark
    other = first.benchmark.model_copy(update={"made_from": {"om": "f" * 64}})
    chain = links(replace(whole, targets=(replace(first, benchmark=other), whole.targets[1])))
    assert [(link.target, link.stage, link.broken) for link in chain if link.broken] == [
        ("Ascend310P3", "benchmark", ("om",))
    ]


def test_a_refused_candidate_has_the_links_that_it_has() -> None:
    chain = links(samples.refused())
    assert [(link.target, link.stage) for link in chain if link.target] == [("Ascend310P3", "om")]
