"""The proof: a corpus of broken models built by script, and how many of them `ascend repair` really repairs.

Here belong the networks, the faults that are planted in them, the independent check of every answer, and the figures.
Not here: anything that diagnoses or repairs. Nothing here reads a rule or an edit: what a fault is called stands in
`expected.py` alone.
"""
