"""Compiled models: reading a real `.om`, what it was made of, where it may run."""
