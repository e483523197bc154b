"""The guard: who asks, what for, and what the access record keeps."""
