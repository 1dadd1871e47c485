"""Gears and ranges stand for shapes: every input gets one."""

import pytest
from hypothesis import given, settings
from option_samples import plain_options

from resources.ascend import gears
from resources.ascend.options import CompileOptions


def test_a_range_is_taken_at_its_upper_end() -> None:
    options = CompileOptions(
        soc_version="Ascend310P3", input_shape={"y": (4, 2)}, input_shape_range={"x": ((1, 8), 3, -1)}
    )
    assert gears.widest(options) == {"x": (8, 3, 1), "y": (4, 2)}


@pytest.mark.parametrize("dims", [(), (2, 3), (0, 1)])
def test_a_fixed_shape_stays(dims: tuple[int, ...]) -> None:
    assert gears.widest(CompileOptions(soc_version="Ascend310P3", input_shape={"x": dims})) == {"x": dims}


@settings(max_examples=50, deadline=None)
@given(plain_options())
def test_every_input_has_a_shape_without_open_axes(options: CompileOptions) -> None:
    found = gears.widest(options)
    assert found.keys() == options.input_shape.keys() | options.input_shape_range.keys()
    assert all(dim >= 0 for dims in found.values() for dim in dims)
