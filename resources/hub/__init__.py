"""The model hub, ModelScope: its versions, their files, and copies of them on this machine. Plain Python."""
