"""`ascend add`: write a model's file from an ONNX file."""

from resources.home import PROJECT

DEFS = PROJECT / "ascend_assets" / "defs"
