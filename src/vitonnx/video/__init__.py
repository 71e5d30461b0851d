"""Videos of where models look: the join of engine, media and plots.

It is a package of its own because each of these three does without the others: the engine draws
nothing, media know no models, and plots run none. Here frames go from a video through the engine to
maps, and from maps through plots to a video.
"""

from vitonnx.video._film_panel import require_maps
from vitonnx.video._fit import at_shape_of, fit_note
from vitonnx.video._probe_video import VideoReport, Watch, probe_video
from vitonnx.video._video_options import ScaleKind, VideoHead, VideoOptions

__all__ = [
    "ScaleKind",
    "VideoHead",
    "VideoOptions",
    "VideoReport",
    "Watch",
    "at_shape_of",
    "fit_note",
    "probe_video",
    "require_maps",
]
