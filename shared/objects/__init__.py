"""The object store: images and packages, who may do what to them, and lists of what was purged."""
