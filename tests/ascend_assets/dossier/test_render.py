"""The page holds every fact, fetches and runs nothing, and shows hostile names as what they are."""

import base64
import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import dossier_samples as samples
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ascend_assets.dossier.compare import compare_with_release
from ascend_assets.dossier.content import Content, TargetEvidence
from ascend_assets.dossier.render import render
from ascend_assets.records import Finding
from ascend_assets.spec import Target
from resources.ascend.toolchain import Diagnostic, FusionTrial, NotCompared

VOID = {"meta", "link", "br", "hr", "img", "input"}
SCRIPT = "</title><script>alert(1)</script><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """A page's elements, texts and structure; raises `AssertionError` for one that is not well nested."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def having(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.elements if attribute in attrs]


CASES: dict[str, Callable[[], Content]] = {
    "complete": samples.complete,
    "refused": samples.refused,
    "overflowing": samples.overflowing,
    "measured": samples.measured,
    "nothing but its source": lambda: replace(
        samples.complete(), onnx=None, lint=None, targets=(), verdicts=(), toolchain=None, provenance={}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_page_is_well_formed_and_self_contained(name: str) -> None:
    html = render(CASES[name]())
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert not {"script", "link", "iframe", "object", "img", "base", "form"} & {tag for tag, _ in page.elements}
    assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on") or a in {"src", "style", "action"}]
    assert all(href.startswith("#") for href in page.having("href"))
    outside = set(re.findall(r"https?://[^\s\"'<>]+", html)) - {"http://www.w3.org/2000/svg"}
    assert not outside


@pytest.mark.parametrize("name", CASES)
def test_every_link_within_the_page_has_a_target(name: str) -> None:
    page = Page(render(CASES[name]()))
    assert {href.removeprefix("#") for href in page.having("href")} <= set(page.having("id"))


def test_the_style_sheet_fetches_nothing_and_is_the_only_one_that_the_policy_admits() -> None:
    html = render(samples.complete())
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [a["content"] or "" for t, a in Page(html).elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policies[0]
    assert "unsafe" not in policies[0]


@pytest.mark.parametrize("name", CASES)
def test_every_drawing_is_well_formed(name: str) -> None:
    drawings = re.findall(r"<svg .*?</svg>", render(CASES[name]()), re.DOTALL)
    assert all(ET.fromstring(svg) is not None for svg in drawings)  # noqa: S314 - our own drawings


@pytest.mark.parametrize("name", ["complete", "refused", "overflowing", "measured"])
def test_every_verdict_is_there_once(name: str) -> None:
    content = CASES[name]()
    page = Page(render(content))
    rows = [
        (a["data-criterion"], a["data-target"]) for tag, a in page.elements if tag == "tr" and "data-criterion" in a
    ]
    assert sorted(rows) == sorted((v.criterion, v.target) for v in content.verdicts)
    for verdict in content.verdicts:
        assert " ".join(verdict.why.removeprefix("not judged: ").split()) in page.text


@pytest.mark.parametrize(
    ("name", "banner", "word"),
    [
        ("complete", "emulated", "Emulated 模拟证据 No NPU took part."),
        ("measured", "measured", "Measured 实测证据"),
        ("refused", "none", "No evidence 无证据"),
    ],
)
def test_the_origin_of_the_evidence_is_said_first(name: str, banner: str, word: str) -> None:
    page = Page(render(CASES[name]()))
    assert next(c for c in page.having("class") if "banner" in c) == f"banner banner-{banner}"
    assert page.text.partition("dossier ")[2].startswith(word)


def test_evidence_of_both_origins_says_which_is_which() -> None:
    emulated, measured = samples.complete(), samples.complete(by=samples.CANN)
    mixed = replace(emulated, targets=(emulated.targets[0], measured.targets[1]))
    assert "Ascend310P3 emulated; Ascend910B3 measured" in Page(render(mixed)).text


def test_the_statement_stands_on_top() -> None:
    text = Page(render(samples.complete())).text
    assert text.index("Admissible in dev.") < text.index("Not admissible in staging, prod:") < text.index("Criterion")


def test_what_an_environment_wants_beside_evidence_stands_with_its_answer() -> None:
    page = Page(render(samples.complete()))
    assert "then: live in dev, 1 signature (not an author's) 另需" in page.text
    assert page.text.count("then: ") == 2


def test_uncommitted_changes_are_warned_of_and_cannot_be_checked_out() -> None:
    text = Page(render(samples.complete(dirty=True))).text
    assert "Uncommitted changes." in text
    assert "git checkout" not in text
    clean = Page(render(samples.complete())).text
    assert "Uncommitted changes." not in clean
    assert f"git checkout {samples.COMMIT}" in clean


def test_a_refused_candidate_shows_every_code_and_its_nodes() -> None:
    page = Page(render(samples.refused()))
    assert "E19010" in page.text
    assert "EZ3003" in page.text
    assert "/head/GridSample_11 and 7 more" in page.text
    assert "nothing was made" in page.text
    assert "No target was compared with FP32." in page.text


def test_a_refusal_that_only_a_verdict_tells_of_is_shown_as_one() -> None:
    content = samples.refused()
    bare = replace(content, targets=(content.targets[0], TargetEvidence("Ascend910B3")))
    text = Page(render(bare)).text
    assert "Ascend910B3 refused" in text


def test_the_first_bad_layer_is_named_with_its_cause() -> None:
    content = samples.overflowing()
    assert content.targets[0].precision
    bad = content.targets[0].precision.comparison.first_bad_layer
    assert bad
    text = Page(render(content)).text
    assert f"First bad layer: {bad.node} (Conv). {bad.cause}" in text


def test_findings_of_lint_are_listed() -> None:
    assert "train.py:3" in Page(render(samples.overflowing())).text


def test_full_digests_can_be_selected() -> None:
    content = samples.complete()
    text = Page(render(content)).text
    assert content.onnx
    for target in content.targets:
        assert target.om
        assert target.om.data_version in text
        assert target.om.digest in text
    assert content.onnx.data_version in text


def test_a_broken_chain_is_said() -> None:
    whole = samples.complete()
    first = whole.targets[0]
    assert first.benchmark
    other = first.benchmark.model_copy(update={"made_from": {"om": "f" * 64}})
    page = Page(render(replace(whole, targets=(replace(first, benchmark=other), whole.targets[1]))))
    assert "Ascend310P3 benchmark was made from another om" in page.text


def test_it_says_how_to_make_it_again() -> None:
    target = Target(soc_version="Ascend310P3", precision_mode="allow_mix_precision", keep_dtype=("Conv_1", "a; rm -rf"))
    text = Page(render(samples.complete(definition=samples.spec(target)))).text
    assert "atc --framework=5 --model=model.onnx --output=Ascend310P3 --soc_version=Ascend310P3" in text
    assert "--input_shape=image:1,3,224,224" in text
    assert "# --keep_dtype=FILE, one node per line: Conv_1, a; rm -rf" in text


def test_what_nobody_knows_is_listed() -> None:
    text = Page(render(samples.complete(inputs="random"))).text
    unknown = text.partition("What is not known")[2].partition("What changed since")[0]
    assert "trivy is not on PATH" in unknown
    assert "layers were compared on random tensors" in unknown
    assert "46 published figures of 11 models" in unknown
    measured = Page(render(samples.complete(by=samples.CANN))).text
    assert "published figures" not in measured.partition("What is not known")[2].partition("What changed since")[0]


def test_changes_since_the_last_release() -> None:
    text = Page(render(samples.measured())).text
    assert "Against release 1.4.0" in text
    assert "Train on the September welds" in text
    assert "▲ better" in text
    assert "▼ worse" in text
    first = replace(samples.complete(), changes=compare_with_release(None, samples.complete()))
    assert "This model has no release yet." in Page(render(first)).text


def on_a_device(**fields: object) -> str:
    """The page of a candidate whose first target was compared with these fields of a device."""
    content = samples.measured()
    first = content.targets[0]
    assert first.precision
    comparison = first.precision.comparison.model_copy(update=fields)
    record = first.precision.model_copy(update={"comparison": comparison})
    return Page(render(replace(content, targets=(replace(first, precision=record), *content.targets[1:])))).text


def test_nodes_without_a_result_of_their_own_and_their_reasons() -> None:
    missing = tuple(NotCompared(node=f"/bn{i}/Bn", op="BatchNormalization", why="fused into conv1") for i in range(40))
    text = on_a_device(not_compared=missing)
    assert "layers and 40 nodes without a result of their own, " in text
    assert "/bn0/Bn BatchNormalization fused into conv1" in text
    assert "and 28 more nodes" in text


def test_what_the_trial_without_fusion_says() -> None:
    trial = FusionTrial(fused=0.6, unfused=0.5, passes=("AddReluFusionPass",), verdict="fusion")
    text = on_a_device(fusion=trial)
    assert "an output is 0.600 with fusion and 0.500 without. The error comes from a fused operator." in text
    assert "Passes that took effect: AddReluFusionPass." in text
    assert "The error stays: it comes from the arithmetic." in on_a_device(
        fusion=trial.model_copy(update={"verdict": "arithmetic", "unfused": math.nan})
    )
    assert "Compiled again without fusion" not in on_a_device()


def hostile(content: Content, name: str) -> Content:
    """The same candidate with `name` wherever a name or text from outside may stand."""
    first, second = content.targets
    assert first.precision
    assert first.benchmark
    assert first.om
    comparison, profile = first.precision.comparison, first.benchmark.profile
    bad = comparison.first_bad_layer
    layers = tuple(layer.model_copy(update={"node": name, "op": name}) for layer in comparison.layers)
    changed = comparison.model_copy(
        update={
            "layers": layers,
            "outputs": tuple(o.model_copy(update={"name": name}) for o in comparison.outputs),
            "small_constants": tuple(
                c.model_copy(update={"node": name, "op": name, "what": name}) for c in comparison.small_constants
            ),
            "first_bad_layer": bad and bad.model_copy(update={"node": name, "op": name, "cause": name}),
            "not_compared": (NotCompared(node=name, op=name, why=name),),
            "fusion": FusionTrial(fused=0.6, unfused=0.1, passes=(name,), verdict="fusion"),
        }
    )
    ops = tuple(op.model_copy(update={"node": name, "op": name}) for op in profile.ops)
    diagnostic = Diagnostic(code=name, message=name, nodes=(name,), cause=name, solution=name)
    report = first.om.report.model_copy(update={"warnings": (diagnostic,), "log": name})
    target = replace(
        first,
        om=first.om.model_copy(update={"report": report}),
        precision=first.precision.model_copy(update={"comparison": changed}),
        benchmark=first.benchmark.model_copy(update={"profile": profile.model_copy(update={"ops": ops})}),
    )
    refused = TargetEvidence(second.key, refusals=(diagnostic,), log=name)
    findings = (Finding(code=name, where=name, message=name),)
    source = content.source.model_copy(update={"author": name})
    assert content.onnx
    return replace(
        content,
        source=source,
        spec=content.spec.model_copy(update={"task": name}),
        lint=samples.lint(source, content.onnx, findings=findings),
        verdicts=tuple(v.model_copy(update={"why": name, "unit": name}) for v in content.verdicts),
        targets=(target, refused),
        provenance={name: name},
        changes=compare_with_release(
            {"version": name, "candidate": name, "toolchain": {"name": name}, "pipeline": {name: name + "!"}},
            content,
            (name,),
        ),
    )


BENIGN = [tag for tag, _ in Page(render(hostile(samples.complete(count=12, overflow_at=4), "node"))).elements]


@pytest.mark.parametrize(
    "name",
    [
        SCRIPT,
        '"><svg onload=alert(1)>',
        "' onmouseover='alert(1)",
        "{{ 7*7 }}{% raw %}",
        "]]>&lt;script&gt;",
        "\x00\x1b[31m\u202egnp.exe",
        "javascript:alert(1)",
        "x" * 100_000,
    ],
)
def test_hostile_names_are_inert(name: str) -> None:
    html = render(hostile(samples.complete(count=12, overflow_at=4), name))
    page = Page(html)
    assert [tag for tag, _ in page.elements] == BENIGN
    assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on")]
    assert "49" not in page.text.partition("Findings")[2].partition("Provenance")[0]
    assert len(html.encode()) < 800_000


@given(st.text(min_size=1, max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_name_changes_the_structure_of_the_page(name: str) -> None:
    html = render(hostile(samples.complete(count=12, overflow_at=4), f"a{name}"))
    assert [tag for tag, _ in Page(html).elements] == BENIGN
    assert html.encode()


def test_a_page_of_5000_layers_is_bounded_and_keeps_the_culprit() -> None:
    content = samples.large(5000)
    html = render(content)
    assert len(html.encode()) < 2_000_000
    assert content.targets[0].precision
    bad = content.targets[0].precision.comparison.first_bad_layer
    assert bad
    assert f"First bad layer: {bad.node}" in Page(html).text
    assert "and 4,988 more layers" in Page(html).text


def test_a_page_of_many_targets_is_bounded_too() -> None:
    targets = tuple(Target(soc_version="Ascend310P3", name=f"batch{n}", batch=n) for n in range(1, 33))
    html = render(samples.complete(count=400, definition=samples.spec(*targets)))
    assert len(html.encode()) < 4_000_000


def test_the_same_content_gives_the_same_page() -> None:
    assert render(samples.complete()) == render(samples.complete())
