"""How long things take. The real cluster's figures stand beside each: tests shorten them.

Only durations, in seconds.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds."""

    look: float = 0.1
    """Between two looks of the controllers where nothing changed."""
    image_retry: float = 1.0
    """Between ErrImagePull and ImagePullBackOff. Really 10 s and more."""
    restart: float = 2.0
    """Until a container is started anew, twice as long each time. Really 10 s, at most 300 s."""
    job_retry: float = 1.0
    """Until a Job makes another pod after a failed one, twice as long each time. Really 10 s, at most 360 s."""
    node_lost: float = 3.0
    """From the loss of a node to the deletion of its pods. Really 40 s, and 300 s by the pods' tolerations."""
