"""How single operators change between two neighbouring opsets of ONNX.

Here belong one module per kind of change, each with the tables `DOWN` and `UP`: (operator, opset in which it changed)
-> what writes it in the other form. The facts are those of ONNX's operator change log. Not here: walking from one
opset to another (`convert_opset.py`), or operators that an older opset does not have (`bodies`).
"""
