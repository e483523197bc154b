"""The only queries of audit. A method that shows entries requires a grant and writes a disclosure."""
