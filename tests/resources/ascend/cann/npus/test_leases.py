"""A device has one holder at a time, whoever dies; benchmarks get whole cards; nobody who waits is forgotten."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from races import in_child, race

from resources.ascend.cann.errors import NoDevice, ToolFailed
from resources.ascend.cann.npus import leases, machine_locks
from resources.ascend.cann.npus.device_locks import DeviceLocks
from resources.ascend.cann.npus.devices import Device
from resources.ascend.cann.npus.leases import choices, in_order, lease, working
from resources.ascend.cann.npus.machine_locks import held, machine_folder, made
from resources.ascend.cann.npus.npu_smi_tables import ProcessRow
from resources.locks import locked

SOC = "Ascend310P3"


def device(npu: int, chip: int = 0, *, health: str = "OK", used: bool = False, soc: str = SOC) -> Device:
    processes = (ProcessRow(npu, chip, 4711, "vllm", 900),) if used else ()
    return Device(npu, chip, 2 * npu + chip, soc, soc.removeprefix("Ascend"), health, 1, npu, processes)


def take(
    folder: Path,
    devices: list[Device],
    *,
    soc: str = SOC,
    whole: bool = False,
    wait: float = 0,
    hold: Callable[[Device], None] = lambda _: None,
    said: list[str] | None = None,
    look: Callable[[], list[Device]] | None = None,
    doing: str = "",
) -> Device:
    say = (said if said is not None else []).append
    with lease(folder, devices, soc_version=soc, whole_card=whole, wait=wait, say=say, doing=doing, look=look) as mine:
        hold(mine)
        return mine


class Killed:
    """A process that holds what `lease` gives it until it is killed."""

    def __init__(self, folder: Path, devices: list[Device], *, whole: bool = False) -> None:
        read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                take(folder, devices, whole=whole, wait=5, doing="killed", hold=lambda _: self._stay(write))
            finally:
                os._exit(1)
        os.close(write)
        assert os.read(read, 1) == b"1"
        os.close(read)

    @staticmethod
    def _stay(write: int) -> None:
        os.write(write, b"1")
        time.sleep(60)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def test_two_get_two_devices_and_the_third_is_told_who_holds_them(tmp_path: Path) -> None:
    two = [device(0), device(1)]

    def third(_: Device) -> None:
        with pytest.raises(NoDevice, match=r"was not free within 0 s: .*is held by process \d+ on .*candidate c-7"):
            take(tmp_path, two)

    def second(first: Device) -> None:
        assert take(tmp_path, two, hold=third, doing="c-8") != first

    take(tmp_path, two, hold=second, doing="c-7")
    assert take(tmp_path, two) in two


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    killed = Killed(tmp_path, [device(0)])
    with pytest.raises(NoDevice, match="candidate killed"):
        take(tmp_path, [device(0)])
    killed.kill()
    assert take(tmp_path, [device(0)]) == device(0)


def test_a_name_of_a_dead_holder_is_written_over(tmp_path: Path) -> None:
    Killed(tmp_path, [device(0)]).kill()
    assert "killed" in (tmp_path / "device-npu-0-chip-0.lock").read_text()
    take(tmp_path, [device(0)], hold=lambda _: _assert_signed(tmp_path, "mine"), doing="mine")
    assert (tmp_path / "device-npu-0-chip-0.lock").read_text() == ""


def _assert_signed(folder: Path, by: str) -> None:
    assert by in (folder / "device-npu-0-chip-0.lock").read_text()


def test_a_device_is_free_again_after_an_error(tmp_path: Path) -> None:
    def fail(_: Device) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        take(tmp_path, [device(0)], hold=fail)
    take(tmp_path, [device(0)])


def test_waiting_is_said_and_ends_when_the_device_is_free(tmp_path: Path) -> None:
    said: list[str] = []
    holder = Killed(tmp_path, [device(0)])
    pid = os.fork()
    if pid == 0:
        time.sleep(0.4)
        os.kill(holder.pid, signal.SIGKILL)
        os._exit(0)
    assert take(tmp_path, [device(0)], wait=10, said=said) == device(0)
    os.waitpid(pid, 0)
    os.waitpid(holder.pid, 0)
    assert len(said) == 1
    assert said[0].startswith("waiting for Ascend310P3: NPU 0 chip 0 (Ascend310P3) is held by process")


def _exclusively(folder: Path, inside: Path, devices: list[Device], number: int) -> str:
    """Take a device some times; a file per device, made with O_EXCL, shows two holders at once."""
    got = []
    for turn in range(3):
        whole = (number + turn) % 4 == 0

        def hold(mine: Device, *, whole: bool = whole) -> None:
            chips = [d for d in devices if d.card == mine.card] if whole else [mine]
            for chip in chips:
                (inside / chip.key).touch(exist_ok=False)
            time.sleep(0.01)
            for chip in chips:
                (inside / chip.key).unlink()
            got.append(str(mine.npu))

        take(folder, devices, whole=whole, wait=60, hold=hold)
    return "".join(got)


def test_twenty_processes_never_share_a_device(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    three = [device(0), device(1), device(1, 1)]
    results = race(lambda number: _exclusively(tmp_path / "locks", inside, three, number), 20)
    assert all(len(result) == 3 and set(result) <= set("01") for result in results), results


def test_holders_that_are_killed_all_the_time_leave_every_device_free(tmp_path: Path) -> None:
    devices = [device(0), device(0, 1), device(1)]
    for number in range(6):
        Killed(tmp_path, devices, whole=number % 2 == 0).kill()
    holders = [Killed(tmp_path, devices) for _ in range(3)]
    with pytest.raises(NoDevice):
        take(tmp_path, devices)
    for holder in holders:
        holder.kill()
    take(tmp_path, devices, whole=True)


def test_a_benchmark_has_the_whole_card(tmp_path: Path) -> None:
    duo = [device(0), device(0, 1)]

    def inside(mine: Device) -> None:
        assert mine.chip == 0
        for whole in (False, True):
            with pytest.raises(NoDevice):
                take(tmp_path, duo, whole=whole)

    take(tmp_path, duo, whole=True, hold=inside)
    take(tmp_path, duo, hold=lambda _: _refused(tmp_path, duo))


def _refused(folder: Path, devices: list[Device]) -> None:
    take(folder, devices)  # the other chip is free for small work
    with pytest.raises(NoDevice, match="a whole card of Ascend310P3 was not free"):
        take(folder, devices, whole=True)


def test_a_benchmark_that_waits_for_its_card_is_not_overtaken_by_small_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both chips of a card are hardly ever free at once: whoever wants the card closes the door behind the last."""
    monkeypatch.setattr(leases, "DOOR_SECONDS", 0)
    duo, lone = [device(0), device(0, 1)], device(1)
    holder = Killed(tmp_path, [device(0)])
    with ThreadPoolExecutor() as pool:
        benchmark = pool.submit(take, tmp_path, duo, whole=True, wait=10)
        time.sleep(0.5)
        with pytest.raises(NoDevice):
            take(tmp_path, [device(0, 1)])
        with pytest.raises(NoDevice):
            take(tmp_path, duo)
        assert take(tmp_path, [*duo, lone], wait=5) == lone
        holder.kill()
        assert benchmark.result() == device(0)
    assert take(tmp_path, [device(0, 1)]) == device(0, 1)


def test_a_benchmark_hopes_for_an_idle_card_before_it_leaves_chips_idle(tmp_path: Path) -> None:
    duo, other = [device(0), device(0, 1)], [device(1), device(1, 1)]
    holders = [Killed(tmp_path, [duo[0]]), Killed(tmp_path, other, whole=True)]
    with ThreadPoolExecutor() as pool:
        benchmark = pool.submit(take, tmp_path, [*duo, *other], whole=True, wait=20)
        time.sleep(0.5)
        assert take(tmp_path, [*duo, *other], wait=5) == duo[1]  # small work goes on beside small work
        holders[1].kill()
        assert benchmark.result() == other[0]
    holders[0].kill()


def test_small_work_leaves_idle_cards_to_benchmarks_that_wait() -> None:
    duo, other, single = [device(0), device(0, 1)], [device(1), device(1, 1)], [device(2)]
    devices = [*duo, *other, *single]
    groups = choices(devices, soc_version=SOC, whole_card=False).groups
    assert working(groups, devices, {duo[0].key}) == ((duo[0],), (duo[1],), (single[0],))


def test_small_work_leaves_them_for_a_while_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duo = [device(0), device(0, 1)]
    with DeviceLocks(tmp_path).waiting(SOC, cards=True):
        with pytest.raises(NoDevice):
            take(tmp_path, duo)
        monkeypatch.setattr(leases, "YIELD_SECONDS", 0.5)
        assert take(tmp_path, duo, wait=10) in duo


def test_a_benchmark_takes_another_card_if_that_is_free_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "DOOR_SECONDS", 0)
    cards = [device(0), device(0, 1), device(1), device(1, 1)]
    holders = {npu: Killed(tmp_path, [device(npu)]) for npu in (0, 1)}
    with ThreadPoolExecutor() as pool:
        benchmark = pool.submit(take, tmp_path, cards, whole=True, wait=10)
        time.sleep(0.5)
        (free,) = [npu for npu in (0, 1) if _is_open(tmp_path, npu)]
        holders[free].kill()
        assert benchmark.result().npu == free
    holders[1 - free].kill()
    assert _is_open(tmp_path, 1 - free)


def _is_open(folder: Path, npu: int) -> bool:
    """Whether small work can begin on the second chip of a card."""
    try:
        take(folder, [device(npu, 1)])
    except NoDevice:
        return False
    return True


def test_one_that_takes_again_and_again_does_not_starve_another(tmp_path: Path) -> None:
    end = time.monotonic() + 2.5

    def work(_: int) -> str:
        times = 0
        while time.monotonic() < end:
            take(tmp_path, [device(0)], wait=30, hold=lambda _: time.sleep(0.05))
            times += 1
        return str(times)

    first, second = map(int, race(work, 2))
    assert min(first, second) >= 2
    assert max(first, second) <= 3 * min(first, second) + 2


def test_only_fit_devices_of_the_soc_are_taken(tmp_path: Path) -> None:
    there = [device(0, health="Alarm"), device(1, soc="Ascend910B3"), device(2)]
    assert {take(tmp_path, there).npu for _ in range(5)} == {2}
    with pytest.raises(NoDevice, match=r"no Ascend310P3 here can be used: NPU 0 .* has health Alarm"):
        take(tmp_path, there[:2], wait=60)
    with pytest.raises(NoDevice, match=r"no Ascend910_9391 here can be used: .*NPU 1 chip 0 \(Ascend910B3\)"):
        take(tmp_path, there, soc="Ascend910_9391", wait=60)
    with pytest.raises(NoDevice, match="this process may use: none"):
        take(tmp_path, [])


def test_a_warning_is_taken_last_and_said_and_never_timed(tmp_path: Path) -> None:
    said: list[str] = []
    ailing, well = device(0, health="Warning"), device(1)
    assert {take(tmp_path, [ailing, well]).npu for _ in range(5)} == {1}
    assert take(tmp_path, [ailing], said=said) == ailing
    assert "has health Warning and is used all the same" in said[0]
    with pytest.raises(NoDevice, match="health Warning, so that its times say nothing"):
        take(tmp_path, [ailing], whole=True)
    with pytest.raises(NoDevice, match="health Warning"):
        take(tmp_path, [device(0), device(0, 1, health="Warning")], whole=True)


def test_what_other_programs_use_is_avoided_for_benchmarks(tmp_path: Path) -> None:
    said: list[str] = []
    used, unused = device(0, used=True), device(1)
    assert {take(tmp_path, [used, unused], whole=True).npu for _ in range(5)} == {1}
    assert take(tmp_path, [used], said=said) == used
    assert said == ["NPU 0 chip 0 (Ascend310P3) is also used by process 4711 (vllm)"]
    with pytest.raises(NoDevice, match=r"is used by process 4711 \(vllm\), without a lease"):
        take(tmp_path, [used], whole=True)


def test_a_program_that_ends_frees_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SAY_SECONDS", 0.5)
    assert take(tmp_path, [device(0, used=True)], whole=True, wait=10, look=lambda: [device(0)]) == device(0)


def test_a_device_that_falls_ill_while_one_waits_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SAY_SECONDS", 0.3)
    take(
        tmp_path,
        [device(0)],
        hold=lambda _: _ill(tmp_path),
    )


def _ill(folder: Path) -> None:
    with pytest.raises(NoDevice, match="health Critical"):
        take(folder, [device(0)], wait=10, look=lambda: [device(0, health="Critical")])


def test_a_look_that_fails_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SAY_SECONDS", 0.1)
    said: list[str] = []

    def fail() -> list[Device]:
        raise ToolFailed("npu-smi did not answer")

    def wait(_: Device) -> None:
        with pytest.raises(NoDevice, match="is held by process"):
            take(tmp_path, [device(0)], wait=0.8, look=fail, said=said)

    take(tmp_path, [device(0)], hold=wait)
    assert any("could not be looked at again: npu-smi did not answer" in line for line in said)


def test_two_users_of_a_machine_share_its_devices(tmp_path: Path) -> None:
    def strict() -> str:
        os.umask(0o077)
        take(tmp_path, [device(0)])
        return "done"

    assert in_child(strict) == "done"
    assert all(path.stat().st_mode & 0o777 == 0o666 for path in tmp_path.glob("*.lock"))


def test_a_lock_file_that_was_cleaned_away_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cleans temporary folders may remove a file between our opening and our locking it."""
    cleanings = [True]

    @contextmanager
    def cleaned(path: Path, *, shared: bool, wait: bool) -> Iterator[int]:
        with locked(path, shared=shared, wait=wait) as descriptor:
            if cleanings:
                cleanings.pop()
                path.unlink()
            yield descriptor

    monkeypatch.setattr(machine_locks, "locked", cleaned)
    with pytest.raises(BlockingIOError, match="was removed while it was locked"), held(tmp_path / "one.lock"):
        pass
    cleanings.append(True)
    with (
        held(tmp_path / "one.lock", wait=True),
        pytest.raises(BlockingIOError),
        locked(tmp_path / "one.lock", wait=False),
    ):
        pass


def test_the_folder_of_the_machine(tmp_path: Path) -> None:
    assert machine_folder({"ASCEND_DEVICE_LOCKS": str(tmp_path)}) == tmp_path
    assert machine_folder({}).name == "ascend-devices"
    new = made(tmp_path / "new")
    assert new.stat().st_mode & 0o7777 == 0o777
    new.chmod(0o755)
    assert made(new).stat().st_mode & 0o7777 == 0o755


def test_chips_of_a_card_that_works_come_first_so_that_whole_cards_stay() -> None:
    devices = [device(0), device(0, 1), device(1), device(1, 1)]
    groups = choices(devices, soc_version=SOC, whole_card=False).groups
    for turn in range(8):
        assert in_order(groups, {device(1).key}, turn)[0] == (device(1, 1),)
    firsts = Counter(in_order(groups, set(), turn)[0][0].npu for turn in range(100))
    assert set(firsts) == {0, 1}
    cards = choices(devices, soc_version=SOC, whole_card=True).groups
    assert [group[0].npu for group in in_order(cards, {device(0).key}, 0)] == [1, 0]


@given(st.data())
def test_every_fit_device_is_tried_once_and_free_ones_first(data: st.DataObject) -> None:
    where = data.draw(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 1)), max_size=8))
    healths = st.sampled_from(["OK", "OK", "Warning", "Alarm", "UNKNOWN"])
    devices = [device(n, c, health=data.draw(healths), used=data.draw(st.booleans())) for n, c in sorted(where)]
    whole = data.draw(st.booleans())
    found = choices(devices, soc_version=SOC, whole_card=whole)
    busy = {d.key for d in devices if data.draw(st.booleans())}
    tried = in_order(found.groups, busy, data.draw(st.integers(0, 1000)))
    assert sorted(tried, key=repr) == sorted(found.groups, key=repr)
    taken = [d for group in tried for d in group]
    assert len(taken) == len(set(taken))
    assert all(d.health == "OK" or (not whole and d.health == "Warning") for d in taken)
    if whole:
        assert all(len(group) == sum(d.card == group[0].card for d in devices) for group in tried)
    counts = [sum(d.key in busy for d in group) for group in tried]
    assert counts == sorted(counts)
