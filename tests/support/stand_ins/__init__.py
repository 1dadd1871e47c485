"""Stand-ins for CANN's programs: `atc`, `ais_bench`, `msit benchmark`, `msprof`, `npu-smi` and `msaccucmp.py`.

Test code. They check their arguments, print, write and fail as the programs of three generations of CANN do, as far as
that is published; what they compute comes from the emulator, which is used as a library. They prove that our side
keeps to the grammar. They prove nothing about a device.
"""
