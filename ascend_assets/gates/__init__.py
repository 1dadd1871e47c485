"""WHETHER a candidate may pass: one module per concern, each a pure function from evidence to verdicts."""
