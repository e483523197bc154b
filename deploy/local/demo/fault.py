"""What makes the demonstration fail."""


class StepFailed(Exception):
    """A step did not do what it should; the text says which and how."""
