"""npu-smi's outputs in every known layout, written by its grammar."""
# ruff: noqa: E501 - as wide as the tool prints them

from collections.abc import Sequence


def table(head: str, headings: tuple[str, str], devices: Sequence[tuple[str, str]], tail: str = "") -> str:
    """A table of devices: a rule, the version line, two headings, and two rows per device."""
    rows = "".join(f"{npu}\n{chip}\n{RULE}\n" for npu, chip in devices)
    return f"{THIN}\n{head}\n{THIN}\n{headings[0]}\n{headings[1]}\n{RULE}\n{rows}{tail}"


RULE = "+===========================+===============+====================================================+"
THIN = "+---------------------------+---------------+----------------------------------------------------+"

HEAD_310 = (
    "| NPU     Name                  | Health          | Power(W)     Temp(C)           Hugepages-Usage(page) |",
    "| Chip    Device                | Bus-Id          | AICore(%)    Memory-Usage(MB)                        |",
)
HEAD_910B = (
    "| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)| ",
    "| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        | ",
)
HEAD_A3 = (
    "| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|",
    "| Chip  Phy-ID              | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |",
)

NARROW_21 = table(
    "| npu-smi 21.0.3.1                     Version: 21.0.3.1                       |",
    (
        "| NPU     Name      | Health          | Power(W)          Temp(C)              |",
        "| Chip    Device    | Bus-Id          | AICore(%)         Memory-Usage(MB)     |",
    ),
    [
        (
            "| 0       310       | OK              | 12.8              58                   |",
            "| 0       0         | NA              | 3                 2457 / 8192          |",
        )
    ],
)

DUO_23 = table(
    "| npu-smi 23.0.6                                   Version: 23.0.6                                       |",
    HEAD_310,
    [
        (
            "| 7       310P3                 | OK              | NA           41                8728  / 8728          |",
            "| 0       0                     | 0000:83:00.0    | 12           19435/ 21527                            |",
        ),
        (
            "| 7       310P3                 | Warning         | NA           44                0     / 0             |",
            "| 1       1                     | 0000:83:00.0    | 0            1832 / 21527                            |",
        ),
        (
            "| 32768   310P3                 | Alarm           | NA           29                0     / 0             |",
            "| 0       2                     | 0000:04:00.0    | 0            1832 / 21527                            |",
        ),
    ],
    "| NPU     Chip                  | Process id      | Process name             | Process memory(MB)        |\n"
    f"{RULE}\n"
    "| 7       0                     | 4711            | python3                  | 17603                     |\n"
    "| 7       0                     | 4712            |                          | NA                        |\n"
    f"{RULE}\n"
    "| No running processes found in NPU 32768                                                                |\n",
)

A2_25 = table(
    "| npu-smi 25.2.3                   Version: 25.2.3                                               | ",
    HEAD_910B,
    [
        (
            "| 0     910B3               | OK            | 93.2        37                0    / 0             | ",
            "| 0                         | 0000:C1:00.0  | 0           0    / 0          64549/ 65536         | ",
        ),
        (
            "| 1     910B3               | OK            | 84.6        32                0    / 0             | ",
            "| 0                         | 0000:C2:00.0  | 0           0    / 0          64536/ 65536         | ",
        ),
    ],
)

GEN1_24 = table(
    "| npu-smi 24.1.0                   Version: 24.1.0                                               |",
    HEAD_910B,
    [
        (
            "| 0     910ProB             | OK            | 70.0        34                0    / 0             |",
            "| 0                         | 0000:C1:00.0  | 0           1197 / 13553      1365 / 32768         |",
        )
    ],
)

A3_25 = table(
    "| npu-smi 25.2.1                   Version: 25.2.1                                               |",
    HEAD_A3,
    [
        (
            "| 0     Ascend910           | OK            | 167.7       39                0    / 0             |",
            "| 0     0                   | 0000:9D:00.0  | 0           0    / 0          3094 / 65536         |",
        ),
        (
            "| 0     Ascend910           | OK            | -           38                0    / 0             |",
            "| 1     1                   | 0000:9F:00.0  | 0           0        / 0      2878 / 65536         |",
        ),
    ],
)

WIDE_26 = table(
    "| npu-smi 26.0.rc1                 Version: 26.0.rc1                                                               |",
    (
        "| NPU   Name                | Health        | Power(W)             Temp(C)             Hugepages-Usage(page)   |",
        "| Chip                      | Bus-Id        | AICore(%)            Memory-Usage(MB)    HBM-Usage(MB)           |",
    ),
    [
        (
            "| 96    910B4               | OK            | 82.6                 32                  0    / 0                |",
            "| 0                         | 0000:C1:00.0  | 0                    0    / 0            2871 / 32768            |",
        )
    ],
    "| NPU     Chip              | Process id    | Process name    | Process memory(MB) |Process id in container|\n"
    f"{RULE}\n| 96      0                 | 485946        | pytest          | 5175               | 31                    |\n",
)

CELLS_950 = table(
    "| npu-smi 27.0.rc1    Version: 27.0.rc1 |",
    (
        "| NPU ID | Name        | Health | Power(W) Temp(C) Hugepages-Usage(page) |",
        "|        |             | Bus-Id | NPU Util(%) Memory-Usage(MB) HBM-Usage(MB) |",
    ),
    [
        (
            "| 3      | Ascend950DT | UNKNOWN | 120.0 45 0 / 0 |",
            "|        |             | NA     | 20 0 / 0 2048 / 8192 |",
        )
    ],
    "| NPU ID | Process id | Process name | Process memory(MB) | Process id in container |\n"
    "| 3      | 1001       | python       | 256                | NA                      |\n",
)

LAYOUTS = {
    "21": NARROW_21,
    "23 Duo": DUO_23,
    "25 A2": A2_25,
    "24 gen-1": GEN1_24,
    "25 A3": A3_25,
    "26": WIDE_26,
    "950": CELLS_950,
}

MAP_23 = (
    "\tNPU ID                         Chip ID                        Chip Logic ID                  Chip Name \n"
    "\t7                              0                              0                              Ascend 310P3\n"
    "\t7                              1                              1                              Ascend 310P3\n"
    "\t7                              2                              -                              Mcu          \n"
    "\t32768                          0                              2                              Ascend 310P3\n"
    "\t32768                          1                              -                              Mcu          \n"
)
MAP_A3 = "NPU ID  Chip ID  Chip Logic ID  Chip Phy-ID Chip Name\n0 0 0 8 Ascend910\n0 1 1 9 Ascend910\n0 2 - - Mcu\n"
BOARD_A3 = (
    "\tNPU ID                         : 0\n\tChip ID                        : 0\n\tChip Type                      : Ascend\n"
    "\tChip Name                      : Ascend910\n\tNPU Name                       : 9391\n"
    "\tPCIe Bus Info                  : 0000:9D:00.0\n\tFirmware Version               : 7.7.0\n"
)
CARDS = (
    "\tTotal Count                    : 2\n\n"
    "\tNPU ID                         : 24\n\tProduct Name                   : IT21PDDA01\n"
    "\tSerial Number                  : 0331\n\tChip Count                     : 2\n\n"
    "\tNPU ID                         : 96\n\tProduct Name                   : NA\n"
    "\tSerial Number                  : -\n\tChip Count                     : 1\n"
)
USAGES_HBM = (
    "    NPU ID                         : 0\n    Chip Count                     : 1\n\n"
    "    DDR Capacity(MB)               : 0\n    DDR Usage Rate(%)              : 0\n"
    "    HBM Capacity(MB)               : 65536\n    HBM Usage Rate(%)              : 3\n"
    "    Aicore Usage Rate(%)           : 21\n    Chip ID                        : 0\n"
)
USAGES_DUO = (
    "    NPU ID : 7\n    Chip Count : 2\n\n    Memory Capacity(MB) : 21527\n    Memory Usage Rate(%) : 8\n"
    "    Aicore Usage Rate(%) : 5\n    Chip ID : 0\n\n    Memory Capacity(MB) : 21527\n"
    "    Memory Usage Rate(%) : NA\n    Aicore Usage Rate(%) : 90\n    Chip ID : 1\n"
)
