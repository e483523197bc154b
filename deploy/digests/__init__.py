"""Pins images by digest: looks digests up in registries, and writes them where compose and Kubernetes read them."""
