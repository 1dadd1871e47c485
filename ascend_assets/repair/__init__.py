"""Diagnose, propose, try, judge: the loop that repairs a failed model, and the record of what it did.

Here belong the order of attempts, their bounds, and the search for the smallest remedy. Not here: causes
(`diagnosis/`), what remedies do (`remedies/`), or judging (`gates/`).
"""
