"""Deployment of Plateward: images, compose, Kubernetes, Apache Kafka, locked requirements."""
