"""A Kubernetes control plane on loopback that tests deploy/k8s (`make test-kubernetes`)."""
