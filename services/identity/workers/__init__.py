"""Identity's background tasks, and the announcements that it makes at start."""
