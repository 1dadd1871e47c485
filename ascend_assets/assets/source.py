"""source: a candidate's files at its commit, as one archive.

Here belong naming the candidate and freezing its files, so that later stages never look at the working tree. Not here:
how git is asked (`resources/git.py`).
"""
