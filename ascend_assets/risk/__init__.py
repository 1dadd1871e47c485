"""Risk before the run: how likely a compilation is to be refused, from those that were tried before.

Here belong the facts of one compilation that are kept, the estimate, and the check that warns. Not here: what a
compiler says (`gates/conversion.py`), or why it does (`diagnosis/`).
"""
