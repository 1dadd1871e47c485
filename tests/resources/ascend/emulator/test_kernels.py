"""What the AI Core kernels take, as CANN's operator information says."""

import pytest

from resources.ascend.emulator.kernels import KernelSupport, support


@pytest.mark.parametrize(
    ("op", "family", "expected"),
    [
        ("Conv", "Ascend310P", KernelSupport(fp16=True, fp32=True, listed="white")),
        ("MaxPool", "Ascend310P", KernelSupport(fp16=True, fp32=False, listed="grey")),
        ("AveragePool", "Ascend310P", KernelSupport(fp16=True, fp32=False, listed="grey")),
        ("MaxPool", "Ascend910B", KernelSupport(fp16=True, fp32=True, listed="white")),
        ("Pow", "Ascend910B", KernelSupport(fp16=True, fp32=True, listed="black")),
        ("Pow", "Ascend310P", KernelSupport(fp16=True, fp32=True, listed="grey")),
        ("Relu", "Ascend310P", KernelSupport(fp16=True, fp32=True, listed="grey")),
    ],
)
def test_a_kernels_types_and_list_come_from_the_table(op: str, family: str, expected: KernelSupport) -> None:
    assert support(op, family) == expected


@pytest.mark.parametrize(("op", "family"), [("Einsum", "Ascend310P"), ("Relu", "Ascend610"), ("NoSuchOp", "Ascend310")])
def test_what_the_table_does_not_cover_takes_both_types_and_is_grey(op: str, family: str) -> None:
    assert support(op, family) == KernelSupport(fp16=True, fp32=True, listed="grey")
