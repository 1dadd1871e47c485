"""The real toolchain: Huawei's CANN, driven through its own commands."""
