"""Recognition: reads plates in frames.

Owns: only its model files; scales by partition.
Consumes: `capture.received`, `capture.backfilled`. It fetches the image that a capture names from the object store.
Publishes: `read.recognised`, `backfill.recognised`, `capture.processed`. One `read.recognised` for the plates of a
capture, or `backfill.recognised` for those of one that is no longer live, with their crops in the object store; exactly
one `capture.processed` for each capture.
Never: serves people, or rewrites a character that it read.
"""
