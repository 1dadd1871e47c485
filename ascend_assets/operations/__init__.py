"""What people do with releases: promote, roll back, approve, look. Plain functions that take `Tools`; no Dagster."""
