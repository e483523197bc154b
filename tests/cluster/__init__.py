"""`make test-k8s`: deploy/k8s on a whole Kubernetes, with stand-ins for the stores."""
