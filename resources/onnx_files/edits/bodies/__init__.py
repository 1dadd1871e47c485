"""What an operator is made of: the same computed by simpler operators.

ONNX's own definitions follow types and shapes at run time, with a dozen nodes for each; those written here use what is
known when the edit is made. Here belong one module per family, each with a table `BODIES`: (domain, operator) -> what
writes it. Not here: finding the nodes (`expand_operators.py`).
"""

from functools import cache

from resources.onnx_files.edits.site import Body


@cache
def known() -> dict[tuple[str, str], Body]:
    """Every operator that has a body here, the default domain as the empty one."""
    from resources.onnx_files.edits.bodies import activations, attention, matrices, normalizations

    families = (activations.BODIES, attention.BODIES, matrices.BODIES, normalizations.BODIES)
    return {key: body for family in families for key, body in family.items()}
