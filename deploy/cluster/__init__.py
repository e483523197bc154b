"""A control plane of Kubernetes on loopback, against which deploy/k8s is tried (`make test-kubernetes`)."""
