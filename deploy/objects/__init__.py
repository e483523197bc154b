"""The S3 server of docker-compose.yml, built from source, for tests that need one that enforces policies."""
