"""Files and folders, on this machine or at URLs: one way to open them, name them and blame them."""

from vitonnx.places._address import is_address, named, parts_of, shown_address, without_secrets
from vitonnx.places._place import MOST_BYTES, Local, Place, place_of, shown_place
from vitonnx.places._remote import Remote

__all__ = [
    "MOST_BYTES",
    "Local",
    "Place",
    "Remote",
    "is_address",
    "named",
    "parts_of",
    "place_of",
    "shown_address",
    "shown_place",
    "without_secrets",
]
