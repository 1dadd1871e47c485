"""Models that come from a model hub: which version is due, and whether its configuration goes with the one before."""
