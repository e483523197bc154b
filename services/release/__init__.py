"""Release: other agencies' written requests, and the file of approved requests (policy 468.7).

Owns: recipient agencies (`agencies`, `agency_provisioners`), written requests with their documents (`requests`,
`documents`), reviews (`decisions`), what became of packages (`packages`, `failures`), receipts (`receipts`).
Consumes: `release.packaged`, `release.failed`, `checkpoint.signed`.
Publishes: `release.requested`, `release.changed`, `release.approved`, `release.denied`, `release.received`,
`agency.changed`.
Never: reads records itself, or deletes a request.
"""
