"""`python -m kube_shim`: a shim to play with, until it is interrupted.

Run it where `tests/support` and the project are on the path. It prints where the kubeconfig is.
"""

import argparse
import os
import signal
import tempfile
import threading
from pathlib import Path

from kube_shim.starting import VERSION, Node, running_shim


def main() -> None:
    """Read the command line, run, and end with everything that was started."""
    parser = argparse.ArgumentParser(prog="kube_shim", description="A Kubernetes API over processes, for tests.")
    example = "a node and its devices, such as n1:huawei.com/Ascend310P=2,cpu=8"
    parser.add_argument("--nodes", nargs="+", type=_node, default=[Node("n1")], metavar="NODE", help=example)
    parser.add_argument("--version", default=VERSION, help="of Kubernetes, whose schemas are asked")
    given = parser.parse_args()
    # A shell has its background jobs ignore it, and Python then leaves it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        env = {"PATH": os.environ.get("PATH", os.defpath)}
        with running_shim(Path(folder), given.nodes, env=env, version=given.version) as shim:
            print(shim.kubeconfig, flush=True)  # noqa: T201 - what the command is for
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                return


def _node(text: str) -> Node:
    name, _, resources = text.partition(":")
    pairs = (pair.partition("=") for pair in resources.split(",") if pair)
    return Node(name, {resource: amount for resource, _, amount in pairs})


if __name__ == "__main__":
    main()
