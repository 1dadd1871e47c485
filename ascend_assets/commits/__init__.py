"""Commits as candidates: which of a repository's commits concern which models, and what is due of them.

Here belong the decisions, the cursor that remembers what is handled, and the jobs that a sensor needs beside models'
own. Not here: getting commits (`resources/git_remote.py`), or asking at intervals (`sensors/commits.py`).
"""
