"""The NPUs of this machine, and who uses which."""
