"""People being told: which kinds of notices there are, what Dagster's log holds of them, and when who is told."""
