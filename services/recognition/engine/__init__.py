"""Recognition's plate reading engines: our own, and PaddleOCR."""
