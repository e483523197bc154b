"""Console: sessions, calls to the services, and their errors."""
