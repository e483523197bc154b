"""Code that two services already need and that holds no rule of either: rooms with one way down.

From the ground up: `core`, `events`, `objects`, `kafka`, `postgres`, `accounts`, `limits`, `service`, `access`,
`http`, `testing`. A module imports its own room and those below it (tests/architecture/test_floors_of_shared.py).
"""
