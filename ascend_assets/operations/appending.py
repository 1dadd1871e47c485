"""Appending to a ledger: what an entry names by digest is kept before the entry is.

Here belongs that order alone, which a crash must not turn round. Not here: deciding what is appended (`promote.py`,
`rollback.py`, `approve.py`, `result.py`).
"""

from ascend_assets.environments import Environment
from ascend_assets.stage import Tools
from resources.registry.documents import Document
from resources.registry.ledger import Entry


def append(tools: Tools, entry: Entry, policy: Environment, *named: Document) -> None:
    """Keep the policy and every other document that the entry names, then append it.

    Raises `LedgerMoved` where somebody was faster, `LedgerBroken`, `StoreError`.
    """
    for document in (*named, policy):
        tools.blobs.put_bytes(document.encoded(), f"{type(document).__name__.lower()}.json")
    tools.ledger.append(entry)
