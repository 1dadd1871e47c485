"""What reading a candidate's files can find, before anything is compiled: rules that return counts with findings.

Here belongs the evidence. Not here: whether a count may pass (`gates/lint.py`), or the stage that stores it
(`assets/lint.py`).
"""
