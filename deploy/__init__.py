"""Running Plateward: the embedded stack, Apache Kafka, images, Kubernetes."""
