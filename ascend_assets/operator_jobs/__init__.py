"""What a reviewer can do in Dagster's UI: the operations of `ascend_assets/operations`, one job each.

Here belong thin jobs: a form, the operation, and its result as something to read. Their number does not grow with the
models. Not here: what an operation does.
"""

from ascend_assets.operator_jobs import commits, freshness, looks, moves, statements

JOBS = (
    moves.PROMOTE,
    moves.ROLLBACK,
    moves.BUNDLE,
    statements.APPROVE,
    statements.RECORD_RESULT,
    looks.MODEL_HISTORY,
    looks.MODEL_LIST,
    looks.MODEL_DIFF,
    looks.AUDIT_VERIFY,
    looks.STORE_GC,
    looks.DOCTOR,
    freshness.STALE,
    commits.CANDIDATE_OF_COMMIT,
    commits.RETRY_COMMIT,
    commits.FETCH_COMMITS,
)
