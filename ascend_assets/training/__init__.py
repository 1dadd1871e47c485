"""Continuous training: labelled samples of production, a challenger trained on them, and whether it is better."""
