"""A test API server that speaks the part of the Kubernetes API that dagster-k8s uses: a shim.

It serves the real `kubernetes` client and everything built on it over HTTP, keeps objects in memory, and runs each
container's command as a process of this machine. What it does is meant to be what a cluster does, down to the words of
its messages: jobs make pods, pods are scheduled by what they ask for, refused by Kubernetes' own schemas, and wait
where no node has room.

What it is not:

- no etcd: objects end with the shim; a list is always whole (`limit` is not followed); one history of 2000 changes.
- no admission beside schemas, names and resources; the user of the kubeconfig may do everything, or what `allow` says.
- no isolation: containers are processes of the same user, on the same files and network. An image is only a name, its
  entrypoint and working directory are unknown: a container needs `command` or `args`, found by the PATH that `env`
  gives, and runs in a folder of its own whatever `workingDir` says. No network policy, no services, no probes.
- no volumes: they are accepted and have no effect; what a mount would give has to be named by `env`.
- no limits: nobody is killed for memory unless a test says so; CPU is not shared out.
- no in-cluster configuration: a process in a pod needs the kubeconfig, whose path `env` may give.
- stricter than the real server: fields that the schema does not know are refused with 422, where that drops them.
- while the server is away its controllers go on: what they did meanwhile is seen when it is back.
- a lost node's pods are given up after `Pace.node_lost` whatever they tolerate; termination messages are not read.
- one pod per Job at a time; no sidecars, CronJobs, Deployments; patches are merge patches.
"""

from kube_shim.access import Rule
from kube_shim.pace import Pace
from kube_shim.server import BODY_LIMIT, Asked
from kube_shim.shim import NoSuchPod, Shim
from kube_shim.starting import Node, ShimBroken, running_shim
from kube_shim.trouble import ApiError

__all__ = [
    "BODY_LIMIT",
    "ApiError",
    "Asked",
    "NoSuchPod",
    "Node",
    "Pace",
    "Rule",
    "Shim",
    "ShimBroken",
    "running_shim",
]
