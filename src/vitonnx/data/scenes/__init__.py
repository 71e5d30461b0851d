"""Labelled pictures made by drawing: things on cluttered ground, with exact masks, and videos.

Ten kinds of things, each with parts and structure of its own. Colours, textures, sizes, turns,
places and grounds are drawn without regard to the kind: only the form tells it.
"""

from vitonnx.data.scenes._kinds import CLASSES
from vitonnx.data.scenes._moving import draw_video
from vitonnx.data.scenes._scene import Scene, draw_scene, draw_shots

__all__ = ["CLASSES", "Scene", "draw_scene", "draw_shots", "draw_video"]
