"""What decides what goes into a model may not change unseen between two versions of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.hub import configuration, fields
from ascend_assets.hub.configuration import BadConfiguration, IncompatibleConfiguration
from ascend_assets.spec import Input

PREPROCESSOR: dict[str, Any] = {
    "do_resize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 224, "width": 224},
    "rescale_factor": 0.00392156862745098,
}
IMAGE = Input(name="pixel_values", shape=("batch", 3, 224, 224))
TOKENS = Input(name="input_ids", dtype="int64", shape=("batch", 128))


def read(folder: Path, **files: object) -> dict[str, configuration.Fields]:
    """`preprocessor_config={...}` is the file preprocessor_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / f"{name}.json").write_bytes(data)
    return configuration.read(folder, [f"{name}.json" for name in files])


def changed(
    tmp_path: Path, before: dict[str, Any], now: dict[str, Any], name: str = "config", *accepts: str
) -> list[str]:
    found = configuration.changes(read(tmp_path / "a", **{name: before}), read(tmp_path / "b", **{name: now}), accepts)
    return [str(change) for change in found]


def test_an_image_of_another_size_is_told_with_file_field_and_values(tmp_path: Path) -> None:
    now = {**PREPROCESSOR, "size": {"height": 256, "width": 256}}
    assert changed(tmp_path, PREPROCESSOR, now, "preprocessor_config") == [
        "preprocessor_config.json: size.height was 224, is 256",
        "preprocessor_config.json: size.width was 224, is 256",
    ]


@pytest.mark.parametrize(
    ("before", "now", "field"),
    [
        ({"image_mean": [0.5, 0.5, 0.5]}, {"image_mean": [0.485, 0.5, 0.5]}, "image_mean[0]"),
        ({"do_rescale": True}, {"do_rescale": False}, "do_rescale"),
        ({"do_rescale": True}, {"do_rescale": 1}, "do_rescale"),
        ({"crop_size": 224}, {"crop_size": {"height": 224}}, "crop_size"),
        ({"vision_config": {"image_size": 224}}, {"vision_config": {"image_size": 336}}, "vision_config.image_size"),
        ({"vocab_size": 30522}, {"vocab_size": 30523}, "vocab_size"),
        ({"max_position_embeddings": 512}, {"max_position_embeddings": 2048}, "max_position_embeddings"),
        ({"tokenizer_class": "BertTokenizer"}, {"tokenizer_class": "T5Tokenizer"}, "tokenizer_class"),
        ({"pad_token_id": 0}, {"pad_token_id": 1}, "pad_token_id"),
        ({"id2label": {"0": "cat"}}, {"id2label": {"0": "dog"}}, "id2label.0"),
        ({"preprocessor": {"mean": [1.0]}}, {"preprocessor": {"mean": [2.0]}}, "preprocessor.mean[0]"),
        ({}, {"image_size": 224}, "image_size"),
        ({"image_size": 224}, {}, "image_size"),
        ({"image_size": 224}, {"image_size": None}, "image_size"),
        ({"std": [1.0]}, {"std": [float("nan")]}, "std[0]"),
    ],
)
def test_these_changes_are_incompatible(tmp_path: Path, before: Any, now: Any, field: str) -> None:
    assert any(line.startswith(f"config.json: {field} was ") for line in changed(tmp_path, before, now))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"hidden_size": 768}, {"hidden_size": 1024}),
        ({"transformers_version": "4.30"}, {"transformers_version": "4.50"}),
        ({"temperature": 0.7}, {"temperature": 1.0}),
        ({"image_size": 224, "a": 1}, {"a": 2, "image_size": 224.0}),
        ({"architectures": ["A"]}, {"architectures": ["B"]}),
    ],
)
def test_these_are_not(tmp_path: Path, before: Any, now: Any) -> None:
    assert changed(tmp_path, before, now) == []


def test_what_somebody_has_accepted_passes_and_nothing_else(tmp_path: Path) -> None:
    now = {**PREPROCESSOR, "size": {"height": 256, "width": 256}, "do_resize": False}
    some = changed(tmp_path, PREPROCESSOR, now, "config", "config.json:size.height", "config.json:do_resize")
    assert some == ["config.json: size.width was 224, is 256"]
    assert changed(tmp_path, PREPROCESSOR, now, "config", "config.json:size", "config.json:do_resize") == []
    assert len(changed(tmp_path, PREPROCESSOR, now, "config", "other.json:size", "config.json:siz")) == 3


def test_another_vocabulary_is_another_input(tmp_path: Path) -> None:
    for side, text in (("a", "one\ntwo\n"), ("b", "two\none\n")):
        (tmp_path / side).mkdir()
        (tmp_path / side / "vocab.txt").write_text(text)
    before, now = (configuration.read(tmp_path / side, ["vocab.txt"]) for side in "ab")
    (change,) = configuration.changes(before, now)
    assert str(change).startswith("vocab.txt: content was sha256 ")
    assert configuration.changes(before, now, ["vocab.txt:content"]) == ()


def test_a_vocabulary_that_is_only_indented_otherwise_is_the_same(tmp_path: Path) -> None:
    before = read(tmp_path / "a", tokenizer=b'{"model": {"vocab": {"a": 1}}}')
    now = read(tmp_path / "b", tokenizer=b'{\n "model": {"vocab": {\n"a": 1}}}')
    assert configuration.changes(before, now) == ()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe{}", b'{"a":' * 30_000, b"7", b'{"a":' * 100 + b"1" + b"}" * 100]
)
def test_a_configuration_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadConfiguration, match=r"config\.json"):
        read(tmp_path, config=content)


def test_a_huge_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"bytes, which no configuration has"):
        read(tmp_path, config=b" " * (configuration.MAX_BYTES + 1))


def test_nothing_of_a_pickle_is_read(tmp_path: Path) -> None:
    (tmp_path / "weights.pkl").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    assert configuration.read(tmp_path, ["weights.pkl"]) == {}


@pytest.mark.parametrize(
    ("file", "inputs", "told"),
    [
        ({"image_size": 224}, [Input(name="x", shape=("batch", 3, 256, 256))], "images are 224 by 224"),
        ({"size": {"height": 224, "width": 224}}, [IMAGE], ""),
        ({"size": {"height": 256, "width": 256}, "crop_size": 224, "do_center_crop": True}, [IMAGE], ""),
        ({"size": 224, "crop_size": 192, "do_center_crop": False}, [IMAGE], ""),
        ({"size": {"shortest_edge": 256}}, [IMAGE], ""),
        ({"input_size": [3, 299, 299]}, [IMAGE], "images are 299 by 299"),
        ({"image_size": 256}, [Input(name="x", shape=("batch", 3, "height", "width"))], ""),
        ({"image_size": 224}, [Input(name="x", shape=("batch", 224, 224, 3))], ""),
        ({"num_channels": 1}, [IMAGE], "num_channels is 1"),
        ({"num_channels": 3}, [IMAGE], ""),
        ({"image_size": 256}, [IMAGE, Input(name="y", shape=(1, 3, 256, 256))], ""),
        ({"max_position_embeddings": 64}, [TOKENS], "max_position_embeddings is 64"),
        ({"max_position_embeddings": 512}, [TOKENS], ""),
    ],
)
def test_a_configuration_may_speak_against_the_declared_inputs(
    tmp_path: Path, file: Any, inputs: list[Input], told: str
) -> None:
    found = configuration.contradictions(read(tmp_path, config=file), inputs)
    assert bool(found) == bool(told)
    assert told in "".join(found)


def test_a_refusal_names_what_to_write_into_accepts(tmp_path: Path) -> None:
    before = read(tmp_path / "a", config={"image_size": 224})
    now = read(tmp_path / "b", config={"image_size": 256})
    with pytest.raises(IncompatibleConfiguration) as raised:
        configuration.require(before, now, (), [IMAGE], "somebody/vit v2.0.0")
    said = str(raised.value)
    assert "somebody/vit v2.0.0: config.json: image_size was 224, is 256" in said
    assert "source.accepts of defs.yaml: ['config.json:image_size']" in said
    with pytest.raises(IncompatibleConfiguration, match=r"correct `inputs`"):
        configuration.require(before, now, ["config.json:image_size"], [IMAGE], "somebody/vit v2.0.0")
    configuration.require({}, now, (), [Input(name="x", shape=("batch", 3, 256, 256))], "v2.0.0")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["size", "a", "mean", "x.y"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["size", "image_size", "hidden_size", "mean", "z"]), JSON, max_size=4))
def test_a_configuration_has_not_changed_against_itself(document: dict[str, Any]) -> None:
    flat = dict(configuration._flat(document, "", 0, "config.json"))
    assert configuration.changes({"c": flat}, {"c": dict(flat)}) == ()
    assert configuration.changes({"c": flat}, {}) == ()


def test_the_table_knows_its_files() -> None:
    for path in ("config.json", "onnx/preprocessor_config.json", "tokenizer_config.json", "configuration.json"):
        assert fields.is_configuration(path)
    for path in ("vocab.txt", "tokenizer.json", "a/merges.txt", "tokenizer.model"):
        assert fields.is_vocabulary(path)
    for path in ("model.onnx", "README.md", "my_config.json.bak", "results.json"):
        assert not fields.is_configuration(path)
        assert not fields.is_vocabulary(path)
