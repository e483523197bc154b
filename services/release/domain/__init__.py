"""The rules of release."""
