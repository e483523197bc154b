"""The guard of routes, and the access record: attempts, grants, disclosures, purposes."""
