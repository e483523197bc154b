"""Release: other agencies' written requests, and the file of approved requests (policy 468.7).

Owns: recipient agencies, written requests with their documents, reviews, receipts.
Consumes: `release.packaged`, `release.failed`, `checkpoint.signed`.
Publishes: `release.requested`, `release.changed`, `release.approved`, `release.denied`, `release.received`,
`agency.changed`.
Never: reads records itself, or deletes a request.
"""
