"""Street scenes with US plates, rendered: what a camera would post, and the truth about it.

Deterministic by seed; numpy and OpenCV only, no photo and no font file behind it.
"""

from scenes.camera import encode_jpeg
from scenes.model import CONDITIONS, Condition, PlateTruth, Scene
from scenes.scene import render_scene

__all__ = ["CONDITIONS", "Condition", "PlateTruth", "Scene", "encode_jpeg", "render_scene"]
