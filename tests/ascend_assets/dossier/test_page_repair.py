"""What the page says of causes and of a repair: all of it, in two languages, bounded, and nothing that is obeyed."""

from dataclasses import replace

import dossier_samples as samples

from ascend_assets.diagnosis.cause import Cause, Evidence, Text
from ascend_assets.dossier.content import Content
from ascend_assets.dossier.render import render
from ascend_assets.dossier.summary import summary_markdown
from ascend_assets.remedies.kinds import ClampConstants, KeepDtype, ScaleWeights
from ascend_assets.repair.candidate_records import ProposedPatch, RepairRecord, TargetRepair
from ascend_assets.repair.records import Attempt, Figures, GraphChange, OptionChange, Repair
from ascend_assets.repair.telling import entries, sentence

SCRIPT = "</p><script>alert(1)</script>"
CLAMP = ClampConstants(tensors=("mask",), bound=10000.0)
KEEP = KeepDtype(nodes=("softmax",))


def cause(name: str = "fp16_constants.mask", confidence: float = 0.9) -> Cause:
    return Cause(
        rule=name,
        family="fp16_constants",
        confidence=confidence,
        nodes=("masked",),
        evidence=(Evidence(seen="graph", says=f"constant {SCRIPT} holds -1e9", nodes=("masked",)),),
        explanation=Text(en="The mask is beyond FP16.", zh="掩码超出 FP16 范围。"),
        advice=Text(en="Mask with -1e4.", zh="请用 -1e4 作掩码。"),
        remedies=(CLAMP,),
        source="a model zoo's README",
    )


def repair_of(*attempts: Attempt) -> Repair:
    return Repair(
        status="repaired",
        causes=(cause(),),
        attempts=attempts,
        remedies=(CLAMP, KEEP),
        options=(OptionChange(option="keep_dtype", before="", after='["softmax"]'),),
        before=Figures(refused=("overflow_layers",), error=float("nan"), latency_ms=1.0, kept_share=0.0),
        after=Figures(refused=(), error=1e-4, latency_ms=1.25, kept_share=0.1),
        origin="emulated",
        ended="the smallest that passes",
        seconds=1.0,
    )


def tried(number: int) -> Attempt:
    return Attempt(
        number=number,
        remedies=(CLAMP,),
        cause="fp16_constants.mask",
        passed=number == 1,
        equivalent=True,
        figures=Figures(refused=()),
        why="passes",
        seconds=0.1,
    )


def record(**changes: object) -> RepairRecord:
    target = samples.complete().targets[0].key
    whole = RepairRecord(
        key="",
        made_from={},
        model="resnet",
        failed="20261120-1403-git-1a2b3c4d5e6f",
        run="r" * 36,
        commit=samples.COMMIT,
        source="a" * 64,
        onnx="b" * 64,
        refused=("overflow_layers",),
        targets=(TargetRepair(target=target, repair=repair_of(tried(1)), options=(KEEP,)),),
        graph=(CLAMP,),
        changed=(GraphChange(op="Cast", before=1, after=3),),
        ended="every target passes",
        patch=ProposedPatch(diff="--- a/defs.yaml\n+++ b/defs.yaml\n+  remedies:\n"),
    )
    return whole.model_copy(update=changes)


def page_of(**changes: object) -> str:
    return render(replace(samples.complete(), repair=record(**changes)))


def test_a_repaired_candidate_says_what_was_changed_and_why_before_anything_else() -> None:
    page = page_of()
    assert page.index('id="repair"') < page.index('id="verdicts"')
    for text in ("Repaired: what was changed and why", "The mask is beyond FP16.", "掩码超出", "Mask with -1e4.", "90"):
        assert text in page
    for text in ("keep_dtype", "Cast", "overflow_layers", "remedies:", "1 attempts", "20261120-1403-git-1a2b3c4d5e6f"):
        assert text in page
    assert "1.25" in page


def test_other_candidates_have_no_such_section() -> None:
    assert 'id="repair"' not in render(samples.complete())
    assert 'id="repair"' not in render(samples.refused()), "where no rule knows a cause, nothing is made up"


def test_a_refused_candidate_says_why() -> None:
    whole = samples.refused()
    page = render(replace(whole, causes={whole.targets[1].key: (cause(),)}))
    assert "Why it was refused" in page
    assert "Repaired" not in page
    assert whole.targets[1].key in page


def test_names_from_a_model_are_shown_and_not_obeyed() -> None:
    hostile = record(patch=ProposedPatch(diff=f"+ {SCRIPT}\n"), failed="x", accepted_by=SCRIPT)
    page = render(replace(samples.complete(), repair=hostile))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_same_cause_of_both_targets_stands_once() -> None:
    whole = samples.refused()
    page = render(replace(whole, causes={target.key: (cause(),) for target in whole.targets}))
    assert page.count("The mask is beyond FP16.") == 1


def test_what_a_person_accepted_or_has_to_decide_is_plain() -> None:
    assert "Accepted by ada@example.com" in page_of(accepted_by="ada@example.com")
    page = page_of(for_person=(ScaleWeights(nodes=("conv",), power=2),))
    assert "For a person to decide" in page
    assert "conv" in page


def test_a_patch_that_could_not_be_made_says_what_to_set() -> None:
    page = page_of(patch=ProposedPatch(diff="", why_not="Set by hand: remedies: [...]"))
    assert "Set by hand: remedies: [...]" in page
    assert "git apply" not in page


def test_a_thousand_attempts_and_causes_stay_a_page() -> None:
    many = repair_of(*(tried(number) for number in range(1000))).model_copy(
        update={"causes": tuple(cause(f"family.rule{number}", number / 1000) for number in range(1000))}
    )
    target = TargetRepair(target="Ascend310P3", repair=many)
    page = page_of(targets=(target,), patch=ProposedPatch(diff="+x\n" * 100_000))
    assert "and 940 more attempts" in page
    assert "family.rule999" in page
    assert len(page) < 2_000_000


def test_the_summary_names_the_repair() -> None:
    content: Content = replace(samples.complete(), repair=record())
    assert "**Repaired** 已修复" in summary_markdown(content)
    assert "clamp" in summary_markdown(content)


def test_dagster_shows_it_in_two_languages_and_nothing_breaks_out_of_it() -> None:
    shown = entries(record(patch=ProposedPatch(diff="+ ```\n+ <b>\n")))
    english, chinese = str(shown["diagnosis"].value), str(shown["诊断"].value)
    assert "The mask is beyond FP16." in english
    assert "掩码超出" in chinese
    assert "<script>" not in english + chinese
    fenced = str(shown["patch of defs.yaml"].value)
    assert fenced == "````diff\n+ ```\n+ <b>\n````\n", "a block that nothing in it ends"
    assert shown["repaired"] is True


def test_the_sentence_says_what_to_do() -> None:
    assert "merge the proposed patch" in sentence(record())
    failed = repair_of().model_copy(update={"status": "not_repaired"})
    not_repaired = record(
        targets=(TargetRepair(target="t", repair=failed),),
        graph=(),
        ended="t: all 60 attempts are used up",
        for_person=(ScaleWeights(nodes=("conv",), power=2),),
    )
    assert sentence(not_repaired).endswith("Do this: Mask with -1e4.")
    assert "accept: true" in sentence(not_repaired)
