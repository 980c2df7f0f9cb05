"""Read an ``.npz`` of anybody's: no pickle, and no array larger than what stands in the file."""

import math
import os
import zipfile

import numpy as np
from numpy.lib import format as npy

LARGEST_RATIO = 200  # of unpacked to packed size; text tables reach about 10, our own files are not packed
AT_ONCE = 2**24  # bytes
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_arrays(path) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` file, by name.

    What a header declares is compared with the bytes that are there, before the array is made.

    Raises
    ------
    ValueError
        If an array holds objects or declares another size than it has, or the file unpacks to far more than it is.
    OSError, zipfile.BadZipFile
        If it cannot be read, or is no zip.
    """
    with open(path, "rb") as opened, zipfile.ZipFile(opened) as archive:
        members = archive.infolist()
        if sum(member.compress_size for member in members) > os.fstat(opened.fileno()).st_size:
            raise ValueError("its parts lie on top of each other")
        if twice := len(members) - len({member.filename for member in members}):
            raise ValueError(f"{twice} of its arrays are there twice")
        return {member.filename.removesuffix(".npy"): _read(archive, member) for member in members}


def _read(archive, member) -> np.ndarray:
    if member.file_size > LARGEST_RATIO * max(member.compress_size, 1000):
        raise ValueError(f"'{member.filename}' unpacks to over {LARGEST_RATIO} times its size")
    with archive.open(member) as stream:
        shape, columns_first, dtype = HEADERS[npy.read_magic(stream)](stream)
        declared, there = math.prod(shape) * dtype.itemsize, member.file_size - stream.tell()
        if dtype.hasobject or not dtype.itemsize or min(shape, default=0) < 0 or declared != there:
            raise ValueError(f"'{member.filename}' declares {dtype} {shape} in {there} bytes")
        content = bytearray(there)
        rest = memoryview(content)
        while n := stream.readinto(rest[:AT_ONCE]):  # reading all at once would hold it twice
            rest = rest[n:]
    if len(rest):
        raise ValueError(f"'{member.filename}' ends early")
    return np.ndarray(shape, dtype, content, order="F" if columns_first else "C")
