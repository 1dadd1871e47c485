"""WHEN a run starts. One module per trigger; each decides that something is to be done and leaves the doing to a job."""
