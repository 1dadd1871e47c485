"""A model in production: its samples judged by a schema, its metrics, and the limits that they propose."""
