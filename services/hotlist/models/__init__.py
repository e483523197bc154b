"""What hotlist's API takes and gives."""
