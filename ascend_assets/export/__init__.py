"""Exporters that a model's own Python entry may call; each writes an ONNX file that ATC can take, or none."""
