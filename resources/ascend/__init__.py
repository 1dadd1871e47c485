"""The Ascend toolchain behind one protocol: `toolchain.py` says what it does, each subpackage is one way to do it."""
