"""Checks of the deployment files: kubeconform, kube-score and hadolint, pinned (ADR-0081)."""
