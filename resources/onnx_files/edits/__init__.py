"""Edits of an ONNX graph, each a pure function of a model and its parameters.

An edit takes a model and does not change it; it returns another one that is checked, has the same inputs and outputs
by name, and computes the same in FP32 as far as the edit claims (`resources/onnx_files/equivalence.py` looks). Nodes
are named as `resources.onnx_files.graph.view` names them. Here belongs one module per edit. Not here: why one is made,
or which (`ascend_assets/diagnosis`, `ascend_assets/repair`).
"""


class EditError(Exception):
    """An edit that cannot be made. The message says what stands against it, with the node or tensor."""
