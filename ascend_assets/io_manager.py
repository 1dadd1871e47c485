"""The one IO manager: records as JSON in the content-addressed store, no pickle.

Here belongs finding and storing records for Dagster. Files that a record names are stored by the stage that makes them.
"""

import dagster as dg

from ascend_assets import history
from ascend_assets.cluster.restarting import restarting
from ascend_assets.codec import read_record, write_record
from ascend_assets.records import Record
from resources.configurable import Warehouse


class NotMade(Exception):
    """An asset that a step needs has never been made."""


class RecordIOManager(dg.ConfigurableIOManager):
    """Stores a stage's record as a blob, and finds it again by the digest in the materialisation's metadata.

    Inside a run a step gets what its own run made, and otherwise what the asset holds now. Whether records belong
    together is not decided here: the chain of digests in them decides (`gates/release.py`).
    """

    store: dg.ResourceDependency[Warehouse]

    def handle_output(self, context: dg.OutputContext, obj: Record) -> None:
        """Store the record; its digest goes into the materialisation's metadata."""
        with restarting():
            context.add_output_metadata({history.RECORD: write_record(self.store.blobs(), obj)})

    def load_input(self, context: dg.InputContext) -> Record:
        """Read and verify the record. Raises `NotMade` where the asset holds none."""
        asset = tuple(context.asset_key.path)
        made = history.latest(context.instance, asset, context.step_context.run_id)
        if made is None:
            raise NotMade(
                f"{'/'.join(asset)} has never been made here: run the whole candidate, `ascend run {asset[0]}`"
            )
        with restarting():
            return read_record(self.store.blobs(), made.record)
