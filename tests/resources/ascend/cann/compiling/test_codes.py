"""Whose fault one of ATC's error codes is."""

import pytest

from resources.ascend.cann.compiling import codes


@pytest.mark.parametrize(
    ("code", "message", "whose"),
    [
        ("E19010", "", "model"),
        ("EZ3003", "", "model"),
        ("E19999", "", "model"),
        ("EX1234", "", "model"),
        ("E10041", "", "model"),
        ("E10001", "Value [x] for parameter [input_2] is invalid.", "options"),
        ("E10001", "Value [linux] for parameter [--host_env_os] is invalid.", "environment"),
        ("EC0010", "", "environment"),
        ("E40002", "", "environment"),
        ("E20002", "", "environment"),
        ("EL0003", "", "environment"),
    ],
)
def test_whose_fault_a_code_is(code: str, message: str, whose: str) -> None:
    assert codes.fault(code, message) == whose


def test_codes_have_families() -> None:
    assert codes.family("EC0010") == "auto tune and AOE"
    assert codes.family("W11001") == "warnings"
    assert codes.family("EX0001") == ""
