"""Recognition: plates out of frames.

Owns: nothing but its model files; scales by partition.
Consumes: `capture.received`, and the image it names from the object store.
Publishes: `read.recognised`, one per plate, with its crop in the object store; `capture.processed`,
exactly one per capture.
Never: answers people, rewrites a character that was read.
"""
