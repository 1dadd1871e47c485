"""What is shipped keeps a fleet busy, by the real choice of devices; and the simulation adds up."""

import json
import sys

import pytest

from benchmarks import fleet
from benchmarks.fleet_engine import Candidate, Host, Policy, Step
from resources.ascend.cann.npus.devices import Device

SOC = "Ascend310P3"


def device(npu: int, chip: int = 0) -> Device:
    return Device(npu, chip, 2 * npu + chip, SOC, "310P3", "OK", 1, npu)


def on_npu(seconds: float, *, whole_card: bool = False) -> Candidate:
    return Candidate(f"m{seconds:g}", 0.0, (Step("measure", seconds, "", SOC, whole_card),))


def free(runs: int = 99) -> Policy:
    return Policy("free", runs, {}, lambda _: 0.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_as_shipped_devices_are_busy_where_work_is_waiting(seed: int) -> None:
    there = fleet.devices()
    work = fleet.candidates(150, seed)
    shipped = fleet.play(fleet.policies(there)[-1], there, work, seed)
    assert shipped.policy == "pools and leases (shipped)"
    assert shipped.done == 150
    for soc in fleet.SOCS:
        utilisation = shipped.utilisation[soc]
        assert utilisation is not None
        assert utilisation >= 0.9, shipped
    naive = fleet.play(fleet.policies(there)[0], there, work, seed)
    assert naive.seconds / shipped.seconds > 5


def test_the_same_seed_gives_the_same_figures() -> None:
    there, work = fleet.devices(), fleet.candidates(20, 3)
    policy = fleet.policies(there)[-1]
    assert fleet.play(policy, there, work, 3) == fleet.play(policy, there, work, 3)


def test_busy_time_is_what_the_steps_took() -> None:
    host = Host([device(0), device(1)], free(), seed=0)
    host.simulate([on_npu(100), on_npu(200), on_npu(300)])
    assert host.done == 3
    assert host.all[SOC].busy == pytest.approx(600)
    # Until the last has its device, both are busy but for starts and polls.
    utilisation = host.waits[SOC].utilisation
    assert utilisation is not None
    assert utilisation > 0.9


def test_a_benchmark_keeps_both_chips_of_its_card() -> None:
    host = Host([device(0), device(0, 1)], free(), seed=0)
    host.simulate([on_npu(100, whole_card=True), on_npu(50)])
    assert host.all[SOC].busy == pytest.approx(250)
    assert host.now >= 150


def test_one_run_at_a_time_takes_the_sum_and_never_waits_for_a_device() -> None:
    host = Host([device(0), device(1)], free(runs=1), seed=0)
    host.simulate([on_npu(100), on_npu(200)])
    assert 300 <= host.now <= 300 + 2 * 17
    assert host.waits[SOC].utilisation is None


def test_candidates_of_one_model_follow_each_other() -> None:
    host = Host([device(0), device(1)], free(), seed=0)
    host.simulate([on_npu(100), on_npu(100)])
    assert host.now >= 200


def test_a_pool_lets_so_many_in() -> None:
    step = Step("om", 100, "atc")
    host = Host([device(0)], Policy("two", 99, {"atc": 2}, lambda _: 0.0), seed=0)
    host.simulate([Candidate(f"m{n}", 0.0, (step,)) for n in range(4)])
    assert 200 <= host.now < 300


def test_the_number_of_runs_is_the_profiles() -> None:
    assert fleet.runs() >= len(fleet.devices())


def test_the_command_prints_figures(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["fleet", "--candidates", "12", "--json"])
    fleet.main()
    found = json.loads(capsys.readouterr().out)
    assert [f["done"] for f in found] == [12] * len(found)
    assert found[0]["ratio"] == 1.0
    monkeypatch.setattr(sys, "argv", ["fleet", "--candidates", "12"])
    fleet.main()
    assert "pools and leases (shipped)" in capsys.readouterr().out
