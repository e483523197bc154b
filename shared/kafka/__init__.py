"""Kafka: clients, the registry of topics, events as records, publishing, consuming, dead letters."""
