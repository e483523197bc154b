"""Identity's tables and the only queries on them."""
