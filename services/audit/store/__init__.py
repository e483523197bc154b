"""The only queries of audit. Everything that shows entries takes a grant and leaves a trace."""
