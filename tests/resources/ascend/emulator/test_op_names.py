"""ONNX's names for operators and the graph engine's."""

import csv
from importlib.resources import files

import onnx
import pytest

from resources.ascend.emulator.op_names import CUBE, EXACT, MAKERS, ONNX_TO_GE, ge_types


@pytest.mark.parametrize(
    ("onnx_op", "ge"), [("Conv", "Conv2D"), ("Softmax", "SoftmaxV2"), ("ReduceMean", "ReduceMeanD"), ("Div", "RealDiv")]
)
def test_an_operator_is_found_under_the_graph_engines_name(onnx_op: str, ge: str) -> None:
    assert ge in ge_types(onnx_op)


def test_an_operator_without_another_name_keeps_its_own() -> None:
    assert ge_types("Relu") == ("Relu",)


def test_every_name_is_an_onnx_operator() -> None:
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    registered = {"EmbeddingBag"}  # CANN's own, in the default domain
    assert (set(ONNX_TO_GE) | CUBE | EXACT | MAKERS) - known <= registered


def test_most_kernels_of_the_table_are_reached_from_some_onnx_operator() -> None:
    with (files("resources.ascend") / "tables" / "op_kernels_by_soc.csv").open(encoding="utf-8") as stream:
        kernels = {row["ascend_op"] for row in csv.DictReader(stream)}
    reached = {name for op in onnx.defs.get_all_schemas_with_history() for name in ge_types(op.name)}
    assert len(kernels & reached) > 0.7 * len(kernels)
