"""Recognition: plate reading engines: ours, and PaddleOCR."""
