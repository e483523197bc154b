"""What the requests of retention are made of."""
