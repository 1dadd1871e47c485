"""The toolchain where there is no NPU: real refusals, real FP16 rounding, an estimated clock; all `emulated`."""
