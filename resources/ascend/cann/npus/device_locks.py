"""The lock files behind leases: one per device, one per card, one per SoC for those who wait.

Here belong the files, and what is written into them for people. The kernel lets go of a lock when its holder dies, so
that nothing has to be reclaimed. Not here: who gets which device (`leases.py`).
"""

import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from resources.ascend.cann.npus.devices import Device
from resources.ascend.cann.npus.machine_locks import held
from resources.locks import Holder

_HOLDER_BYTES = 4096


@dataclass(frozen=True)
class DeviceLocks:
    """The lock files of one machine, in `folder`. Nobody removes them: a lock on a removed file excludes nobody."""

    folder: Path

    @contextmanager
    def devices(self, group: Sequence[Device], doing: str) -> Iterator[None]:
        """Hold all devices of a group, signed. Raises `BlockingIOError` at once if one is held, and holds none."""
        with ExitStack() as stack:
            descriptors = [stack.enter_context(held(self._of_device(device))) for device in group]
            for descriptor in descriptors:
                stack.callback(os.ftruncate, descriptor, 0)
                _sign(descriptor, doing)
            yield

    @contextmanager
    def card(self, card: int, *, shared: bool) -> Iterator[None]:
        """Hold the right to begin something on a card: shared to take one chip, alone to take all of them.

        Raises `BlockingIOError` at once.
        """
        with held(self.folder / f"card-{card}.lock", shared=shared):
            yield

    @contextmanager
    def waiting(self, soc_version: str, *, cards: bool) -> Iterator[None]:
        """Be one of those who wait for a SoC, for a whole card or for one chip."""
        with held(self._of_waiting(soc_version, cards=cards), shared=True, wait=True):
            yield

    def others_wait(self, soc_version: str, *, cards: bool | None = None) -> bool:
        """Whether somebody waits for a SoC (or asks the same just now): for cards, for chips, or for either."""
        kinds = (True, False) if cards is None else (cards,)
        return any(self._is_held(self._of_waiting(soc_version, cards=kind)) for kind in kinds)

    def holder(self, device: Device) -> Holder | None:
        """Who signed last and did not take it back. A killed holder's name stays: it is a hint and no proof."""
        try:
            with self._of_device(device).open("rb") as file:
                return Holder.model_validate_json(file.read(_HOLDER_BYTES))
        except (FileNotFoundError, ValidationError):
            return None

    def _of_device(self, device: Device) -> Path:
        return self.folder / f"device-{device.key}.lock"

    def _of_waiting(self, soc_version: str, *, cards: bool) -> Path:
        return self.folder / f"waiting-{soc_version}-{'cards' if cards else 'chips'}.lock"

    @staticmethod
    def _is_held(path: Path) -> bool:
        try:
            with held(path):
                return False
        except BlockingIOError:
            return True


def _sign(descriptor: int, doing: str) -> None:
    holder = Holder(
        pid=os.getpid(),
        host=socket.gethostname(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        candidate=doing[:200],
    )
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder.model_dump()).encode(), 0)
