"""Retention's workers: periodic tasks."""
