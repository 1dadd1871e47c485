"""Running `atc`, and reading all that it says."""
