"""Whose fault one of ATC's error codes is: the model's, the options', or the machine's.

Here belong the families of codes (`errClass` in CANN 8.1's error tables) and the few codes that stand against their
family. A code that nobody knows is the model's, so that a refusal is never taken for a passing fault. Not here: what
mends a machine (`symptoms.py`).
"""

from types import MappingProxyType
from typing import Literal

Fault = Literal["model", "options", "environment"]

FAMILIES = MappingProxyType(
    {
        "E1": "graph engine and ATC",
        "E2": "fusion engine",
        "E3": "AI CPU",
        "E4": "TBE compiler",
        "E5": "operator checks",
        "E6": "operator checks",
        "E7": "vector operator plugins",
        "E8": "vector operator plugins",
        "EA": "TBE pass compiler",
        "EB": "TBE pass compiler",
        "EC": "auto tune and AOE",
        "ED": "RL tune",
        "EE": "runtime",
        "EF": "LxFusion and auto deploy",
        "EG": "AOE",
        "EH": "ACL",
        "EI": "HCCL",
        "EJ": "HCCP",
        "EK": "profiling",
        "EL": "driver",
        "EM": "queue schedule",
        "EN": "DVPP",
        "EO": "AMCT",
        "EU": "custom operators",
        "EZ": "operators",
    }
)
"""What each family of codes is about, by its first two characters."""

_ENVIRONMENT_FAMILIES = frozenset({"EC", "EE", "EI", "EJ", "EK", "EL", "EM"})
_ENVIRONMENT = frozenset(
    {
        "E10063",  # a call of the system failed (Environment_Error)
        "E13004",  # a file cannot be written; E19005 before CANN 9
        "E13024",  # an environment variable is invalid
        "E13029",  # a library of fusion passes cannot be loaded
        "E13030",
        "E19005",
        "E20002",  # an environment variable is invalid: nnrt's ASCEND_OPP_PATH
        "E40000",  # TBE cannot be imported
        "E40001",
        "E40002",  # a Python that TBE does not support
        "E40020",  # a Python module cannot be imported
    }
)
_ENVIRONMENT_TITLES = ("Environment_Error", "Config_Error_Invalid_Environment_Variable", "File_Operation_Error_Write")
_ABOUT_THE_HOST = ("host_env_os", "host_env_cpu", "ASCEND_OPP_PATH")
"""Parameters that `atc` fills in from the installation when they are not given."""
_NOT_OPTIONS = frozenset({"E10041", "E10042", "E10043", "E10044"})
"""Codes among those of the options that are about the model: it cannot be loaded, or not be compiled."""
_INNER = ("9999", "8888")


def family(code: str) -> str:
    """What the code's family is about; empty if unknown."""
    return "warnings" if is_warning(code) else FAMILIES.get(code[:2], "")


def is_warning(code: str) -> bool:
    """Whether the code is no error."""
    return code.startswith("W")


def is_inner(code: str) -> bool:
    """Whether the code says only that something went wrong inside, in which case the message says what."""
    return code.endswith(_INNER)


def fault(code: str, message: str = "", title: str = "") -> Fault:
    """Whose fault an error is."""
    if code in _ENVIRONMENT or code[:2] in _ENVIRONMENT_FAMILIES or title.startswith(_ENVIRONMENT_TITLES):
        return "environment"
    if code.startswith("E100"):
        if any(name in message for name in _ABOUT_THE_HOST):
            return "environment"
        return "model" if code in _NOT_OPTIONS else "options"
    return "model"
