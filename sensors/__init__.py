"""WHEN a run starts: one module per trigger. Each decides that something is due and leaves the doing to a job."""
