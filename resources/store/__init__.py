"""Where bytes are kept: a protocol of five verbs, its implementations, and blobs named by their digest on top."""
