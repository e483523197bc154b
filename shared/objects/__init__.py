"""The object store: images and packages, the services' rights, and purge lists."""
