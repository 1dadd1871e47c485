"""Which images can be had.

A shim has no registry and no image's content: an image is a name that can be pulled or not. Here belongs that
question only.
"""

import threading
from collections.abc import Collection


class Images:
    """What a registry has: `known`, or anything if that is None; and what nodes have already."""

    def __init__(self, known: Collection[str] | None, on_nodes: dict[str, frozenset[str]]) -> None:
        self._lock = threading.Lock()
        self._known = None if known is None else frozenset(known)
        self._on_nodes = on_nodes
        self._refused: set[str] = set()

    def refuse(self, image: str) -> None:
        """From now on nobody gets it, not even nodes that had it."""
        with self._lock:
            self._refused.add(image)

    def allow(self, image: str) -> None:
        """As if it had been pushed to the registry."""
        with self._lock:
            self._refused.discard(image)
            if self._known is not None:
                self._known |= {image}

    def trouble(self, node: str, image: str, policy: str) -> tuple[str, str] | None:
        """Reason and message why a container cannot have its image, None if it can. `policy`: imagePullPolicy."""
        with self._lock:
            present = image in self._on_nodes.get(node, frozenset()) and image not in self._refused
            pullable = (self._known is None or image in self._known) and image not in self._refused
        if policy == "Never" and not present:
            said = f'Container image "{image}" is not present with pull policy of Never'
            return None if self._known is None and image not in self._refused else ("ErrImageNeverPull", said)
        if pullable or (present and policy != "Always"):
            return None
        missing = f'failed to resolve reference "{image}": {image}: not found'
        said = f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": {missing}'
        return "ErrImagePull", said
