"""Recognition: reads plates in frames.

Owns: only its model files; scales by partition.
Consumes: `capture.received`. It fetches the image that a capture names from the object store.
Publishes: `read.recognised`, `capture.processed`. One read for each plate, with its crop in the object store;
exactly one `capture.processed` for each capture.
Never: serves people, or rewrites a character that it read.
"""
