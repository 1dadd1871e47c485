"""What was released and where it is deployed: manifests, versions and ledgers, all written once."""
