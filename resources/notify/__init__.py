"""Messages to people: what waits to be told, kept on disk, and the channels that carry it. No Dagster, no wording."""
