"""A fleet of NPUs under candidates that come faster than they can be measured: how busy do pools and leases keep it?

    python -m benchmarks.fleet [--seed 1] [--candidates 300] [--json]

Simulates one host (six cards with two Ascend310P3 each, four Ascend910B3) and 48 models, from source to release, with
the real choice of devices (`resources/ascend/cann/npus/leases.py`), the real limits (`ascend_assets/pools.py`) and the
number of runs of `deploy/cann/dagster.yaml`. Durations are drawn; nothing is measured on a device.

`utilisation`: device time in use / device time, while at least one step waits for a device of that SoC: its inputs are
made, and its run does nothing else meanwhile. `ready` counts the time in which inputs are made, whatever the run does;
`all` counts from the first arrival to the last end. Ratios are of the time until every candidate is done.
"""

import argparse
import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from ascend_assets import pools
from ascend_assets.event_log import CLAIM_SECONDS
from benchmarks.fleet_engine import Candidate, Host, Policy, Step
from resources.ascend.cann.npus.devices import Device
from resources.home import PROJECT

CORES = 96
MODELS = 48
SOCS = ("Ascend310P3", "Ascend910B3")
ARRIVAL_SECONDS = 20.0
"""Between two candidates of the whole fleet, on average."""


def devices() -> tuple[Device, ...]:
    """Six cards with two chips, and four with one."""
    duo = [(npu, chip, SOCS[0]) for npu in range(6) for chip in (0, 1)]
    single = [(npu, 0, SOCS[1]) for npu in range(6, 10)]
    return tuple(
        Device(npu, chip, logic, soc, soc.removeprefix("Ascend"), "OK", 1, npu)
        for logic, (npu, chip, soc) in enumerate([*duo, *single])
    )


def candidates(count: int, seed: int) -> tuple[Candidate, ...]:
    """Candidates of all models, arriving at random; every third model is also compiled for the second SoC."""
    chance = random.Random(seed)  # noqa: S311 - a simulation that can be repeated
    now = 0.0
    found = []
    for _ in range(count):
        now += chance.expovariate(1 / ARRIVAL_SECONDS)
        model = chance.randrange(MODELS)
        socs = SOCS if model % 3 == 0 else SOCS[:1]
        found.append(Candidate(f"model_{model:02}", now, tuple(_steps(socs, chance))))
    return tuple(found)


def _steps(socs: Sequence[str], chance: random.Random) -> Iterator[Step]:
    """Source, onnx and lint; om, precision and benchmark per target; dossier to deployment. Medians in seconds."""

    def drawn(median: float, spread: float = 0.5) -> float:
        return median * math.exp(chance.gauss(0, spread))

    host = pools.host()
    yield Step("onnx", drawn(60), f"export_{host}")
    last = []
    for number, soc in enumerate(socs):
        om = 1 + 3 * number
        yield Step("om", drawn(120), f"atc_{host}", after=(0,))
        yield Step("precision", drawn(240), pools.npu_pool(soc), soc, after=(om,))
        yield Step("benchmark", drawn(120), pools.npu_pool(soc), soc, whole_card=True, after=(om,))
        last += [om + 1, om + 2]
    yield Step("dossier", drawn(5), after=tuple(last))


def policies(there: Sequence[Device]) -> tuple[Policy, ...]:
    """From one run after the other to what is shipped."""
    wanted = pools.limits(there, CORES)
    exact = {name: _devices_of(name, there) or limit for name, limit in wanted.items()}
    return (
        Policy("one run after the other", 1, {}, lambda _: 0.0),
        Policy("local profile, two runs", 2, wanted, _ours),
        Policy("one slot per device", runs(), exact, _ours),
        Policy("one slot per device, Dagster's polling", runs(), exact, _dagsters),
        Policy("pools and leases (shipped)", runs(), wanted, _ours),
    )


def runs() -> int:
    """Runs at once, as the profile for machines with NPUs says."""
    settings = yaml.safe_load((PROJECT / "deploy" / "cann" / "dagster.yaml").read_text(encoding="utf-8"))
    return int(settings["concurrency"]["runs"]["max_concurrent_runs"])


def _devices_of(pool: str, there: Sequence[Device]) -> int:
    return sum(pools.npu_pool(device.soc_version) == pool for device in there)


def _ours(_waited: float) -> float:
    return CLAIM_SECONDS


def _dagsters(waited: float) -> float:
    """Dagster's own interval after so long: it grows by a tenth each time, to 15 s."""
    return min(15.0, 1.0 + waited / 10)


@dataclass(frozen=True)
class Figures:
    """How one policy did. Seconds; shares from 0 to 1 per SoC."""

    policy: str
    seconds: float
    done: int
    utilisation: Mapping[str, float | None]
    ready: Mapping[str, float | None]
    all: Mapping[str, float | None]


def play(policy: Policy, there: Sequence[Device], work: Sequence[Candidate], seed: int) -> Figures:
    """All candidates under one policy."""
    host = Host(there, policy, seed)
    host.simulate(work)
    shares = {"utilisation": host.waits, "ready": host.ready, "all": host.all}
    told = {name: {soc: share.utilisation for soc, share in of.items()} for name, of in shares.items()}
    return Figures(policy.name, host.now, host.done, **told)


def _share(share: float | None) -> str:
    return f"{'-':>7}" if share is None else f"{share:7.1%}"


def main() -> None:
    """Print every policy's figures and the ratio to the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--candidates", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    there = devices()
    work = candidates(arguments.candidates, arguments.seed)
    found = [play(policy, there, work, arguments.seed) for policy in policies(there)]
    if arguments.json:
        print(json.dumps([{**vars(f), "ratio": found[0].seconds / f.seconds} for f in found]))
        return
    print(f"{'':40} {'hours':>6} {'ratio':>6}   " + "   ".join(f"{soc:>23}" for soc in SOCS))
    print(f"{'':40} {'':6} {'':6}   " + "   ".join(f"{'waits':>7} {'ready':>7} {'all':>7}" for _ in SOCS))
    for f in found:
        shares = "   ".join(f"{_share(f.utilisation[s])} {_share(f.ready[s])} {_share(f.all[s])}" for s in SOCS)
        print(f"{f.policy:40} {f.seconds / 3600:6.1f} {found[0].seconds / f.seconds:6.1f}   {shares}")
    print("utilisation while a step waits for a device; goal: at least 90 % as shipped")


if __name__ == "__main__":
    main()
