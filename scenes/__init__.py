"""Renders street scenes with US plates: a camera's frames, and the ground truth of each.

Deterministic by seed; uses numpy and OpenCV only, no photos and no font files.
"""

from scenes.camera import encode_jpeg
from scenes.model import CONDITIONS, Condition, PlateTruth, Scene
from scenes.scene import render_scene

__all__ = ["CONDITIONS", "Condition", "PlateTruth", "Scene", "encode_jpeg", "render_scene"]
