"""Files that are no picture and no video, and that some libraries would act on all the same."""

from __future__ import annotations

from random import Random

from fuzz.material import WAITS

__all__ = ["mutate"]

# From where a case lies; who opens it waits for ever, and so is found.
OTHER = f"desk/{WAITS}"
DISGUISES = (
    # A program for Ghostscript, which Pillow would start.
    "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n9 9 scale\nshowpage\n%%EOF\n",
    # Playlists, which would have FFmpeg read what they name.
    f"ffconcat version 1.0\nfile {OTHER}\n",
    f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{OTHER}\n#EXT-X-ENDLIST\n",
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="9">'
    f"<BaseURL>{OTHER}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 26\n",
    # Drawings and documents.
    f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{OTHER}" width="9" height="9"/></svg>',
    "%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
)


def mutate(content: bytes, random: Random) -> bytes:
    """Give one of them in place of a file."""
    return random.choice(DISGUISES).encode()
