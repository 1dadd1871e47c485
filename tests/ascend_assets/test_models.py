"""A wrong model file says file, line, field and what is allowed; the others load."""

from pathlib import Path

import pytest

from ascend_assets import models
from ascend_assets.yaml_file import MAX_YAML_BYTES, Problem

GOOD = """\
type: ascend_assets.component.AscendModel
attributes:
  name: tiny
  task: classification
  source: {onnx: model.onnx}
  inputs:
    - {name: x, shape: [batch, 3]}
  targets:
    - soc_version: Ascend310P3
  gates:
    cosine_similarity: 0.999
"""


def written(tmp_path: Path, text: str, name: str = "tiny") -> Path:
    folder = tmp_path / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / models.FILE_NAME).write_text(text)
    return folder


def refused(tmp_path: Path, text: str) -> list[Problem]:
    with pytest.raises(models.BadModel) as caught:
        models.load(written(tmp_path, text))
    return list(caught.value.problems)


@pytest.mark.parametrize("folder", models.folders(models.DEFS), ids=lambda folder: folder.name)
def test_every_document_of_the_project_is_valid(folder: Path) -> None:
    assert models.load(folder).name == folder.name


def test_a_good_file_loads(tmp_path: Path) -> None:
    spec = models.load(written(tmp_path, GOOD))
    assert spec.targets[0].options(spec.inputs).input_shape == {"x": (1, 3)}
    assert spec.limits("cosine_similarity") == {"dev": 0.999, "staging": 0.999, "prod": 0.999}


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("  task:", "  tusk:", 4, "tusk", "allowed: name, task"),
        (
            "soc_version: Ascend310P3",
            "soc_version: Ascend310P3\n      batc: 3",
            10,
            "targets.0.batc",
            "allowed: soc_ver",
        ),
        ("soc_version: Ascend310P3", "soc_version: A B", 9, "targets.0.soc_version", "pattern"),
        (
            "soc_version: Ascend310P3",
            "soc_version: Ascend310P3\n      precision_mode: fp17",
            10,
            "targets.0.precision_mode",
            "'force_fp16'",
        ),
        ("cosine_similarity", "cosine", 10, "gates", "allowed: "),
        ("0.999", "{dev: 0.999, prod: 0.9}", 10, "gates", "tighten from dev to prod"),
        ("0.999", "{lab: 0.9}", 10, "gates", "allowed: dev, staging, prod"),
        ("{onnx: model.onnx}", "{onnx: ../model.onnx}", 5, "source.onnx", "model's folder"),
        ("{onnx: model.onnx}", "{onnx: /etc/passwd}", 5, "source.onnx", "inside"),
        ("cosine_similarity: 0.999", "chain: 3", 10, "gates", "cannot change"),
        ("0.999", ".nan", 11, "gates.cosine_similarity", "finite"),
        ("name: tiny", "name: other", 3, "name", "must equal the folder's name"),
        ("name: tiny", "name: Tiny-1", 3, "name", "pattern"),
        ("[batch, 3]", "[batch, 0]", 7, "inputs.0.shape.1", "greater than or equal to 1"),
        ("- soc_version: Ascend310P3", "[]", 8, "targets", "at least 1"),
        ("type: ascend_assets", "type: other", 1, "", "type must be"),
        ("attributes:", "atributes:", 1, "", "attributes"),
    ],
)
def test_a_wrong_file_names_line_field_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, line: int, field: str, says: str
) -> None:
    problems = refused(tmp_path, GOOD.replace(old, new, 1))
    matching = [p for p in problems if says in p.message and (not field or p.field == field)]
    assert matching, problems
    assert matching[0].line == line
    assert str(matching[0]).startswith(f"{tmp_path / 'tiny' / 'defs.yaml'}:{line}:")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must hold"),
        ("a: [", "not valid YAML"),
        ("\tx: 1", "not valid YAML"),
        ("- a\n- b\n", "must hold"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("x: " + "[" * 5000, "not valid YAML"),
        ("type: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("type: a\ntype: b\n", "stands in line 1 already"),
        ("a: 1\n---\nb: 1\n", "not valid YAML"),
    ],
)
def test_what_is_no_model_file_is_one_problem(tmp_path: Path, text: str, says: str) -> None:
    problems = refused(tmp_path, text)
    assert len(problems) == 1
    assert says in problems[0].message


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    assert "settings, not data" in refused(tmp_path, "# " + "x" * MAX_YAML_BYTES)[0].message


def test_a_file_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    folder = written(tmp_path, "")
    (folder / models.FILE_NAME).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(models.BadModel, match="cannot be read"):
        models.load(folder)


def test_one_bad_file_does_not_take_the_others_down(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, GOOD.replace("Ascend310P3", "?"), "broken")
    written(tmp_path, "a: [", "unreadable")
    good, bad = models.load_all(tmp_path)
    assert set(good) == {"tiny"}
    assert set(bad) == {"broken", "unreadable"}
