"""Where a run's steps run: in its process on one machine, each in a pod of its own in profile k8s.

Here belong the choice (`executor.py`), which step needs what (`pods.py`) of the cluster in force (`cluster_file.py`),
and what becomes of a run or a step whose pod waits, is lost or is told to end (`launcher.py`, `steps.py`, `watch.py`,
`restarting.py`). Not here: what the file may say or a pod looks like (`resources/kubernetes/`).
"""
