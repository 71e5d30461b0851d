"""Videos in and out. PyAV is imported here and nowhere else, as it takes a fifth of a second."""

from vitonnx.media.videos._open_video import VideoFacts, open_video, read_facts
from vitonnx.media.videos._video import Frame, Span, Video
from vitonnx.media.videos._writer import VideoWriter

__all__ = ["Frame", "Span", "Video", "VideoFacts", "VideoWriter", "open_video", "read_facts"]
