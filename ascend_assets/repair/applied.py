"""What a repair that is in force makes of a target's options.

Here belongs the one answer to it: the compiler, the gate on the chain and the page must give the same. Not here:
remedies of the graph (`assets/remedied.py`), or what a remedy does (`remedies/apply.py`).
"""

from ascend_assets.records import AppliedRepair
from ascend_assets.remedies.apply import apply_options
from ascend_assets.spec import ModelSpec, Target
from resources.ascend.options import CompileOptions


def options_for(spec: ModelSpec, target: Target, repair: AppliedRepair | None) -> CompileOptions:
    """What a target is compiled with: what its definition asks for, and what the candidate's repair changes of it."""
    options = target.options(spec.inputs)
    remedies = repair.options.get(target.key, ()) if repair else ()
    return apply_options(options, remedies) if remedies else options
