"""Release: other agencies' written requests, and the file of approved requests (policy 468.7).

Owns: recipient agencies (`agencies`, `agency_provisioners`), written requests with their documents (`requests`,
`documents`), reviews (`decisions`), what became of packages (`packages`, `failures`), receipts (`receipts`),
withdrawals (`withdrawals`), and the end of files (`moves`, `ended_requests`, `lapsed_requests`, `doomed_objects`).
Consumes: `release.packaged`, `release.failed`, `release.freed`, `checkpoint.signed`.
Publishes: `release.requested`, `release.changed`, `release.approved`, `release.denied`, `release.received`,
`release.lapsed`, `release.destroyed`, `document.destroyed`, `agency.changed`.
Never: reads records itself, or destroys the file of a request before the years of the policy, or under a hold.
"""
