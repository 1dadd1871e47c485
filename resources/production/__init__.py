"""What the serving side leaves and tells: samples, feedback and metrics, in files or from Prometheus."""
