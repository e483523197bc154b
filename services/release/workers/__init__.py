"""Release's background tasks."""
