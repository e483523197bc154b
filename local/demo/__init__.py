"""The demonstration: cameras post frames, officers are alerted, records are searched and released.

Everything goes through the public HTTP API of a running stack; every figure printed is measured here.
"""
