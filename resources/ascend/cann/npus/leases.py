"""Who may use which NPU now: one lease per device, across all processes of the machine.

Here belong the choice of a device, as pure functions, and waiting for it without starving anybody. Not here: the lock
files (`device_locks.py`), what devices there are (`devices.py`), or how many steps Dagster starts
(`ascend_assets/pools.py`).
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from resources.ascend.cann.errors import BadOutput, NoDevice, ToolFailed
from resources.ascend.cann.npus.device_locks import DeviceLocks
from resources.ascend.cann.npus.devices import Device, unfit
from resources.ascend.cann.npus.machine_locks import made

POLL_SECONDS = 0.25
"""About how often a waiting process looks: a device is idle between two holders for at most one and a half of it."""
NEWCOMER_SECONDS = 2 * POLL_SECONDS
"""How long a newcomer leaves free devices to those who wait already: longer than any of them sleeps."""
DOOR_SECONDS = 300.0
"""How long a benchmark hopes for an idle card before it closes a working one's door and so leaves chips idle."""
YIELD_SECONDS = 600.0
"""How long small work leaves idle cards with several chips to benchmarks that wait, and uses those that work anyway."""
SAY_SECONDS = 30.0
"""How often a waiting process says whom it waits for, and how old its picture of the devices may be."""

Group = tuple[Device, ...]
"""Devices that are leased together: one chip, or all chips of a card."""


@dataclass(frozen=True)
class Choices:
    """What could be leased, and why the rest could not."""

    groups: tuple[Group, ...]
    refused: tuple[str, ...] = ()


def choices(devices: Sequence[Device], *, soc_version: str, whole_card: bool) -> Choices:
    """Every chip of that SoC that is fit, alone or with its whole card.

    For a benchmark a card counts as one: an unfit chip makes it unfit, since chips share clock, power and PCIe.
    """
    alike = [device for device in devices if device.soc_version == soc_version]
    groups: list[Group]
    if whole_card:
        cards = dict.fromkeys(device.card for device in alike)
        groups = [tuple(device for device in devices if device.card == card) for card in cards]
    else:
        groups = [(device,) for device in alike]
    whys = [(group, [why for d in group if (why := unfit(d, for_benchmark=whole_card))]) for group in groups]
    return Choices(
        tuple(group for group, why in whys if not why),
        tuple(sentence for _, why in whys for sentence in why),
    )


def in_order(groups: Sequence[Group], busy: Collection[str], turn: int) -> tuple[Group, ...]:
    """The groups in the order in which they should be tried. `busy`: keys of devices that seem to be held.

    Free before busy; healthy before Warning; unused by other programs before used; a chip on a card that works already
    before one on an idle card, so that whole cards stay for benchmarks. `turn`, any number, rotates what is equal, so
    that two processes do not run after the same device and wear is spread.
    """
    working = Counter(device.card for group in groups for device in group if device.key in busy)
    start = turn % len(groups) if groups else 0

    def rank(group: Group) -> tuple[int, bool, int, int]:
        return (
            sum(device.key in busy for device in group),
            any(device.health != "OK" for device in group),
            sum(len(device.processes) for device in group),
            -working[group[0].card],
        )

    return tuple(sorted([*groups[start:], *groups[:start]], key=rank))


def working(groups: Sequence[Group], devices: Sequence[Device], busy: Collection[str]) -> tuple[Group, ...]:
    """Chips on cards that work already, and on cards with one chip: what small work may use while benchmarks wait."""
    chips = Counter(device.card for device in devices)
    works = {device.card for device in devices if device.key in busy}
    return tuple(group for group in groups if group[0].card in works or chips[group[0].card] == 1)


@contextmanager
def lease(  # noqa: PLR0913 - what is wanted, and how to wait for it
    folder: Path,
    devices: Sequence[Device],
    *,
    soc_version: str,
    whole_card: bool,
    wait: float,
    say: Callable[[str], None],
    doing: str = "",
    look: Callable[[], Sequence[Device]] | None = None,
) -> Iterator[Device]:
    """Be the only one who uses a device of that SoC, and get it.

    `whole_card`: all chips of its card, and no program of others on it, as a benchmark needs; the card's first chip is
    handed out. `wait`: seconds, after which `NoDevice` names who holds what. `say` hears of waiting. `doing` stands in
    the lock file (candidate and stage, say). `look` takes a new picture of the devices, for a long wait. `folder` holds
    the lock files of the machine and must not be on a network file system. Raises `NoDevice` at once where no device of
    that SoC is fit.
    """
    wish = Wish(DeviceLocks(made(folder)), soc_version, whole_card, doing, say, look, tuple(devices))
    with wish.fulfilled(wait) as device:
        yield device


@dataclass
class Wish:
    """One process's wish for a device, until it is fulfilled.

    `card`: the card on which nobody else may begin anything, because we wait for the rest of its chips; `door` lets
    others in again. `in_use`: devices that were free, and used by programs that hold no lease.
    """

    locks: DeviceLocks
    soc_version: str
    whole_card: bool
    doing: str
    say: Callable[[str], None]
    look: Callable[[], Sequence[Device]] | None
    devices: tuple[Device, ...]
    looked_at: float = field(default_factory=time.monotonic)
    card: int | None = None
    door: ExitStack = field(default_factory=ExitStack)
    in_use: tuple[Device, ...] = ()

    @contextmanager
    def fulfilled(self, wait: float) -> Iterator[Device]:
        """A device, and what belongs to it, held. Raises `NoDevice` after `wait` seconds."""
        with ExitStack() as stack:
            stack.callback(self._open_door)
            yield self._awaited(stack, wait)[0]

    def tried(self, stack: ExitStack, turn: int, waited: float) -> Group | None:
        """The first group that could be locked and used, held in `stack`; at once. `waited`: seconds until now."""
        groups = self._choices().groups
        busy = {device.key for device in self.devices if self.locks.holder(device)}
        if not self.whole_card and waited < YIELD_SECONDS and self.locks.others_wait(self.soc_version, cards=True):
            groups = working(groups, self.devices, busy)
        self.in_use = ()
        for group in in_order(groups, busy, turn):
            with ExitStack() as attempt, suppress(BlockingIOError):
                self._lock(group, attempt, may_close=waited >= DOOR_SECONDS)
                if self._usable(group):
                    # The door opens after the devices are free, and at once where it was another card's.
                    if group[0].card == self.card:
                        stack.push(self.door.pop_all())
                    self._open_door()
                    stack.push(attempt.pop_all())
                    return group
                if group[0].card == self.card:
                    self._open_door()
        return None

    def _awaited(self, stack: ExitStack, wait: float) -> Group:
        begun, said = time.monotonic(), -SAY_SECONDS
        chance = random.Random()  # noqa: S311 - nobody gains by guessing it
        self._choices()
        if self.locks.others_wait(self.soc_version):
            time.sleep(max(min(NEWCOMER_SECONDS, wait), 0.0))
        with self.locks.waiting(self.soc_version, cards=self.whole_card):
            while True:
                now = time.monotonic()
                group = self.tried(stack, chance.randrange(1 << 30), now - begun)
                if group is not None:
                    return group
                if now - begun >= wait:
                    raise NoDevice(f"{self._what()} was not free within {wait:g} s: {self._who()}")
                if now - said >= SAY_SECONDS:
                    said = now
                    self.say(f"waiting for {self._what()}: {self._who()}")
                time.sleep(min(POLL_SECONDS * chance.uniform(0.5, 1.5), begun + wait - now))
                self._look_again()

    def _lock(self, group: Group, attempt: ExitStack, *, may_close: bool) -> None:
        """Hold every device of the group. Raises `BlockingIOError`.

        Of a card with several chips, a process that wants them all may close the door, and then nobody begins to use
        another: so a benchmark gets its card however many small pieces of work come. It holds one door at most and
        waits for nobody who waits, so that there is no deadlock; and keeps it closed to the end of its lease, so that
        all others then have the same chance.
        """
        card = group[0].card
        if not self.whole_card:
            # The card may have chips that this process cannot see, inside a container, and others can.
            with self.locks.card(card, shared=True):
                attempt.enter_context(self.locks.devices(group, self.doing))
            return
        if len(group) > 1 and card != self.card:
            closes = may_close and self.card is None
            (self.door if closes else attempt).enter_context(self.locks.card(card, shared=False))
            self.card = card if closes else self.card
        attempt.enter_context(self.locks.devices(group, self.doing))

    def _open_door(self) -> None:
        self.card = None
        self.door.close()

    def _usable(self, group: Group) -> bool:
        """Whether the group, now held, is fit and, for a benchmark, used by no program without a lease."""
        if time.monotonic() - self.looked_at > SAY_SECONDS:
            self._new_picture()
            now = {device.key: device for device in self.devices}
            group = tuple(now.get(device.key, device) for device in group)
            if any(unfit(device, for_benchmark=self.whole_card) for device in group):
                return False
        used = tuple(device for device in group if device.processes)
        if used and self.whole_card:
            self.in_use += used
            return False
        for device in used:
            self.say(f"{device} is also used by {_programs(device)}")
        for device in group:
            if device.health != "OK":
                self.say(f"{device} has health {device.health} and is used all the same: nothing is timed on it")
        return True

    def _look_again(self) -> None:
        # Programs on a device that was held when the picture was taken were most likely its holder's.
        if time.monotonic() - self.looked_at > (SAY_SECONDS / 6 if self.in_use else SAY_SECONDS):
            self._new_picture()

    def _new_picture(self) -> None:
        if self.look is None:
            return
        self.looked_at = time.monotonic()
        try:
            self.devices = tuple(self.look())
        except (ToolFailed, BadOutput) as error:
            self.say(f"the devices could not be looked at again: {error}")

    def _choices(self) -> Choices:
        found = choices(self.devices, soc_version=self.soc_version, whole_card=self.whole_card)
        if not found.groups:
            there = ", ".join(map(str, self.devices)) or "none"
            why = "; ".join(found.refused) or f"this process may use: {there}"
            raise NoDevice(
                f"no {self.soc_version} here can be used: {why}. Work for it needs a machine that has one; "
                "ASCEND_TOOLCHAIN=emulated judges every SoC without, for the environments that admit that"
            )
        return found

    def _what(self) -> str:
        return f"{'a whole card of ' if self.whole_card else ''}{self.soc_version}"

    def _who(self) -> str:
        devices = [device for group in self._choices().groups for device in group]
        busy = [f"{d} is held by {holder}" for d in devices if (holder := self.locks.holder(d))]
        used = [f"{d} is used by {_programs(d)}, without a lease" for d in self.in_use]
        return "; ".join([*busy, *used]) or "others took it as soon as it was free"


def _programs(device: Device) -> str:
    return ", ".join(f"process {p.pid} ({p.name or 'without a name'})" for p in device.processes[:5])
