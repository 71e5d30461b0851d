"""Pictures and files in and out; videos are in `vitonnx.media.videos`."""

from vitonnx.media._arrays_in_out import Tensor, load_arrays, on_host, save_arrays, stack_models
from vitonnx.media._atomic import (
    atomic_path,
    atomic_with_companions,
    atomic_with_partial,
    check_writable,
    explained,
    partial_of,
)
from vitonnx.media._atomic_folder import atomic_folder, check_folder, check_place
from vitonnx.media._encoded import Encoded
from vitonnx.media._find_pictures import (
    SOFTWARE,
    Notice,
    find_picture_names,
    find_pictures,
    natural_key,
)
from vitonnx.media._formats import may_be_picture
from vitonnx.media._lists import read_lists
from vitonnx.media._passing import passing_folder, remove_own, temporary_folder
from vitonnx.media._picture import Decoded, PictureSource, decoded, open_picture
from vitonnx.media._same import Files, first_among, same_file

__all__ = [
    "SOFTWARE",
    "Decoded",
    "Encoded",
    "Files",
    "Notice",
    "PictureSource",
    "Tensor",
    "atomic_folder",
    "atomic_path",
    "atomic_with_companions",
    "atomic_with_partial",
    "check_folder",
    "check_place",
    "check_writable",
    "decoded",
    "explained",
    "find_picture_names",
    "find_pictures",
    "first_among",
    "load_arrays",
    "may_be_picture",
    "natural_key",
    "on_host",
    "open_picture",
    "partial_of",
    "passing_folder",
    "read_lists",
    "remove_own",
    "same_file",
    "save_arrays",
    "stack_models",
    "temporary_folder",
]
