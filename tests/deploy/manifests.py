"""What the manifests are written for: the version of Kubernetes, and how long a service takes to stop."""

KUBERNETES = "1.34"
"""The oldest version of Kubernetes that these files are written for."""

REST_OF_STOP_S = 15
"""For consumers to leave, the outbox to drain (3 s) and workers to end, after the answers in progress."""
