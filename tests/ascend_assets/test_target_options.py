"""Every option of atc is reachable from a target of defs.yaml, and a target that uses none is stored as ever."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ascend_assets import models
from ascend_assets.spec import Input, ModelSpec, Target
from resources.ascend.aipp import StaticAipp
from resources.ascend.cann.options.option_files import option_files
from resources.ascend.options import CompileOptions

DOCS = Path(__file__).parents[2] / "docs" / "models.md"
IMAGE = Input(name="image", shape=("batch", 3, 224, 224))


def target(**given: Any) -> Target:
    return Target.model_validate({"soc_version": "Ascend310P3", **given})


def test_a_target_takes_every_option() -> None:
    assert set(CompileOptions.model_fields) <= set(Target.model_fields)


def test_a_target_without_new_options_is_stored_as_before_they_existed() -> None:
    assert target().model_dump_json() == (
        '{"soc_version":"Ascend310P3","name":"","batch":1,"precision_mode":null,"precision_mode_v2":null,'
        '"keep_dtype":[],"modify_mixlist":null,"input_shape":{},"dynamic_batch_size":[],"dynamic_image_size":[],'
        '"dynamic_dims":[]}'
    )


def test_an_option_reaches_the_compiler() -> None:
    options = target(batch=4, jit_compile=0, input_format="ND", host_env_cpu="aarch64").options((IMAGE,))
    assert options == CompileOptions(
        soc_version="Ascend310P3",
        input_shape={"image": (4, 3, 224, 224)},
        input_format="ND",
        jit_compile=0,
        host_env_cpu="aarch64",
    )


def test_an_input_with_a_range_has_no_shape_beside_it() -> None:
    ranged = target(input_shape_range={"image": [[1, 8], 3, 224, 224]}).options((IMAGE,))
    assert ranged.input_shape == {}
    assert ranged.input_shape_range == {"image": ((1, 8), 3, 224, 224)}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"deterministic_level": 1}, "needs deterministic"),
        ({"fusion_switches": {"a b": "off"}}, "fusion_switches"),
        ({"aipp": [{"aipp_mode": "static"}]}, "input_format"),
        ({"aipp": [{"aipp_mode": "dynamic", "max_src_image_size": 9}]}, "gets its parameters with every run.*static"),
        ({"first_generation": True}, "Ascend910B"),
        ({"insert_op_conf": "aipp.cfg"}, "insert_op_conf"),
    ],
)
def test_what_is_wrong_is_said_where_it_is_written(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        target(**given)


def documented() -> dict[str, Any]:
    """The example of the documentation that uses options of atc, as one target."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)
    (block,) = (block for block in blocks if "aipp:" in block)
    (found,) = yaml.safe_load(block)["targets"]
    assert isinstance(found, dict)
    return found


def test_the_example_of_the_documentation_is_a_target() -> None:
    options = Target.model_validate(documented()).options((IMAGE,))
    assert option_files(options).keys() == {"insert_op_conf", "keep_dtype", "fusion_switch_file"}
    assert isinstance(options.aipp[0], StaticAipp)
    assert set(options.fusion_switches.values()) == {"off"}


def test_the_documentation_names_every_option() -> None:
    text = DOCS.read_text()
    missing = [name for name in Target.model_fields if f"`{name}`" not in text and f"{name}:" not in text]
    assert not missing


def test_a_wrong_option_in_a_file_is_said_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / models.FILE_NAME).write_text(
        "type: ascend_assets.component.AscendModel\n"
        "attributes:\n"
        "  name: tiny\n"
        "  task: classification\n"
        "  source: {onnx: model.onnx}\n"
        "  inputs:\n"
        "    - {name: x, shape: [batch, 3]}\n"
        "  targets:\n"
        "    - soc_version: Ascend310P3\n"
        "      fusion_switches: {ALL: off}\n"
        "      buffer_optimize: l9_optimize\n"
    )
    with pytest.raises(models.BadModel) as caught:
        models.load(folder)
    (problem,) = caught.value.problems
    assert problem.line == 11
    assert problem.field == "targets.0.buffer_optimize"


def test_a_definition_that_is_read_again_is_the_same() -> None:
    spec = ModelSpec.model_validate(
        {
            "name": "tiny",
            "task": "t",
            "source": {"onnx": "m.onnx"},
            "inputs": [IMAGE],
            "targets": [{**documented(), "name": "small"}],
        }
    )
    assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec
