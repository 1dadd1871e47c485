"""A case out of evidence: shapes as far as a model lets them be inferred, and the model left alone."""

import numpy as np
from conversion_cases import F32, FLOAT, X, net, node, opened, options

from ascend_assets.diagnosis import gather


def test_shapes_are_those_of_the_options() -> None:
    case = gather.case(opened(), options(input_shape={"x": (2, 3, 40, 40)}))
    assert case.graph is not None
    assert case.graph.tensors["h"].shape == (2, 2, 40, 40)
    assert case.graph.tensors["w"].constant


def test_open_sizes_stay_open() -> None:
    case = gather.case(opened(), options())
    assert case.graph is not None
    assert case.graph.tensors["h"].shape == (-1, 2, -1, -1)


def test_options_that_do_not_fit_are_left_aside() -> None:
    for shapes in ({"x": (2, 3)}, {"x": (2, 5, 40, 40)}, {"other": (1,)}):
        case = gather.case(opened(), options(input_shape=shapes))
        assert case.graph is not None
        assert case.graph.tensors["x"].shape == (-1, 3, -1, -1)


def test_contradictions_and_unknown_ranks_leave_the_graph_as_it_stands() -> None:
    contradicts = net([node("MatMul", "x w", "y", "m")], X, {"w": np.zeros((3, 3), F32)})
    unknown = net([node("Relu", "x", "y", "r")], {"x": (FLOAT, None)})
    for model in (contradicts, unknown):
        case = gather.case(model, options())
        assert case.graph is not None
        assert [one.op for one in case.graph.nodes] == [one.op_type for one in model.graph.node]


def test_a_model_is_not_changed_and_its_weights_not_copied() -> None:
    model = opened(size=300)
    before = model.SerializeToString(deterministic=True)
    case = gather.case(model, options(input_shape={"x": (1, 3, 300, 300)}))
    assert case.model is model
    assert model.SerializeToString(deterministic=True) == before


def test_without_a_model_there_is_no_graph() -> None:
    case = gather.case(None, options(), log="text", environment=["dusty"], open_inputs=["x"])
    assert (case.model, case.graph, case.environment, case.open_inputs) == (None, None, ("dusty",), ("x",))


def test_a_huge_graph_is_looked_at_without_inference() -> None:
    chain = [
        node("Relu", f"r{at}" if at else "x", f"r{at + 1}", f"n{at}") for at in range(gather.MAX_INFERRED_NODES + 1)
    ]
    case = gather.case(net(chain, X, outputs=(f"r{len(chain)}",)), options())
    assert case.graph is not None
    assert len(case.graph.nodes) == len(chain)
    assert "r1" not in case.graph.tensors
