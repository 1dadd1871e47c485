"""A model with a released candidate and a refused one, and a webserver at which anybody reports what he likes.

Here belong laying it out and the forger's means. Not here: what comes of them
(`tests/ascend_assets/test_forged_checks.py`).
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import dagster as dg
from installation import ENVIRONMENTS
from project_fixtures import make_checkout
from sandbox import Checkout, Sandbox, git
from tiny import write_tiny
from webserver import Webserver, running_webserver

from ascend_assets import checks, history
from ascend_assets.history import Made
from ascend_assets.stage import AssetKey
from ascend_assets.walk import stages
from resources.home import PROJECT


@dataclass(frozen=True)
class Scene:
    """`sandbox`: the checkout as this process sees it; `good`: what the released candidate left in each asset.

    `kept`: every release and ledger entry of the beginning, by its place in the store.
    """

    checkout: Checkout
    sandbox: Sandbox
    webserver: Webserver
    good: Mapping[AssetKey, Made]
    kept: Mapping[str, bytes]

    def held(self) -> dict[AssetKey, Made]:
        """What each asset holds now, by Dagster's records."""
        return held(self.sandbox)

    def click(self, *assets: str) -> str:
        """Materialise these, which has to fail; what was said. Nothing that they are made of is judged again."""
        return _why(self.sandbox.materialise(*assets, checks=False))

    def run(self, job: str = "tiny_candidate") -> str:
        """A job, which has to fail; the checks that stopped it, and what its steps said."""
        result = self.sandbox.run(job)
        stopped = [each.check_name for each in result.get_asset_check_evaluations() if not each.passed]
        return "\n".join([*stopped, _why(result)])

    def build(self) -> None:
        """The candidate at hand, from source to dossier, whatever checks say of it."""
        assert self.sandbox.materialise(*map("/".join, upstream(self.sandbox)), checks=False).success
        judged = dg.AssetSelection.checks(*self._judged())
        job = dg.define_asset_job("judge", judged)
        merged = dg.Definitions.merge(self.sandbox.definitions(), dg.Definitions(jobs=[job]))
        merged.resolve_job_def("judge").execute_in_process(instance=self.sandbox.instance, raise_on_error=False)

    def forge(self, asset: AssetKey, made: Made, **instead: str) -> None:
        """Report that an asset was made, in the words in which a run says so. `instead`: other words of metadata."""
        said = {
            history.RECORD: made.record,
            history.STAGE_KEY: made.stage_key,
            history.CANDIDATE: made.candidate,
            history.DATA_VERSION: made.data_version,
        }
        self.webserver.report_materialisation("/".join(asset), {**said, **instead}, data_version=made.data_version)

    def forge_all_checks(self) -> None:
        """Report that every gate let the candidate pass."""
        for asset, name in checks.check_keys(self.sandbox.spec):
            self.webserver.report_check("/".join(asset), name)

    def published(self) -> dict[str, bytes]:
        """Every release and ledger entry as it is now."""
        return published(self.sandbox)

    def ascend(self, *arguments: str) -> tuple[int, str]:
        """The command line in a process of its own: its exit code, and what it said."""
        done = self.checkout.ascend(*arguments, timeout=240, ASCEND_STORE=self.sandbox.store.location)
        return done.returncode, done.stdout + done.stderr

    def _judged(self) -> list[dg.AssetCheckKey]:
        from ascend_assets import component

        return component.separate_checks(self.sandbox.spec)


def upstream(sandbox: Sandbox) -> list[AssetKey]:
    """The walk up to the dossier."""
    return [stage.asset for stage in stages(sandbox.spec) if stage.name not in {"release", "deployment"}]


def held(sandbox: Sandbox) -> dict[AssetKey, Made]:
    """What each asset holds, by Dagster's records."""
    found = {stage.asset: history.latest(sandbox.instance, stage.asset) for stage in stages(sandbox.spec)}
    return {asset: made for asset, made in found.items() if made is not None}


def published(sandbox: Sandbox) -> dict[str, bytes]:
    """Every release and ledger entry in the store, to the byte."""
    store = Path(sandbox.store.location)
    files = (path for part in ("models", "environments") for path in (store / part).rglob("*") if path.is_file())
    return {str(path.relative_to(store)): path.read_bytes() for path in files}


@contextmanager
def laid_out(folder: Path) -> Iterator[Scene]:
    """`tiny` 1.0.0 is live in dev; then comes a candidate whose weights FP16 does not hold, up to its dossier."""
    checkout = make_checkout(folder / "checkout")
    (checkout.root / "environments.yaml").write_text(ENVIRONMENTS)
    git(checkout.root, "commit", "-qam", "environments of a CPU")
    home = checkout.root / ".ascend" / "dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_bytes((PROJECT / "deploy" / "local" / "dagster.yaml").read_bytes())
    with ExitStack() as stack:
        with mock.patch.dict("os.environ", {"DAGSTER_HOME": str(home)}):
            instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        sandbox = Sandbox(checkout.root, instance)
        assert sandbox.run(commit=sandbox.commit_id).success
        good = held(sandbox)
        write_tiny(sandbox.model, seed=1, scale=1e6)
        sandbox.commit("overflows")
        webserver = stack.enter_context(running_webserver(checkout, ASCEND_STORE=sandbox.store.location))
        scene = Scene(checkout, sandbox, webserver, good, published(sandbox))
        scene.build()
        yield scene


def _why(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    failures = (event.step_failure_data for event in result.all_events if event.is_step_failure)
    return "\n".join(str(failure.error_display_string) for failure in failures)
