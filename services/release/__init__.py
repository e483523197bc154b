"""Release: other agencies' written requests, and the file of what was approved (policy 468.7).

Owns: recipient agencies, written requests with their documents, reviews, receipts.
Consumes: `alpr.release.packaged`, `alpr.release.failed` from retention.
Publishes: `alpr.release.requested`, `alpr.release.changed`, `alpr.release.approved`,
`alpr.release.denied`, `alpr.release.received`, `alpr.agency.changed`.
Never: reads records itself, or deletes a request.
"""
