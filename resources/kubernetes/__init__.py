"""Kubernetes with NPUs: what a cluster has, and a step's pod in it. No client of its API: dagster-k8s has one."""
