"""Release's actions: the expiry of packages, and the events of each step."""
