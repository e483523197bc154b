"""Mail by SMTP over TLS: the server as a setting names it, and one message handed over to it."""
