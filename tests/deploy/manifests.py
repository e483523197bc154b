"""The version of Kubernetes that the manifests are written for."""

KUBERNETES = "1.34"
"""The oldest version of Kubernetes that these files are written for."""
