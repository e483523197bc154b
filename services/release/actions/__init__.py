"""Release's actions. A change and its events commit in one transaction."""
