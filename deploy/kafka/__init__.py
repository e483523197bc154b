"""Apache Kafka from its published jars, for promises about durability (ADR-0003)."""
