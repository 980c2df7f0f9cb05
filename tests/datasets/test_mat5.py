"""MATLAB 5 files: what SciPy writes is read as SciPy reads it, and a damaged file is refused, never followed."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.io import loadmat, savemat

from gaitlib import GaitDataError
from gaitlib.datasets.tools.mat5 import read_mat5

TEXTS = np.array(["left knee", "a", "Winkel in °", "left knee, rotation"], dtype=object).reshape(1, 1, 4)


def written(variables, **options) -> bytes:
    file = io.BytesIO()
    savemat(file, variables, **options)
    return file.getvalue()


def read(content, *wanted):
    return read_mat5("a.mat", content, wanted)[1]


KINDS = st.sampled_from(["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "c16"])


@given(
    KINDS.flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=4))),
    st.booleans(),
)
@example(np.array([[complex(0, np.inf)]]), False)
def test_numbers_of_every_kind_and_shape_are_those_that_scipy_reads(array, packed):
    content = written({"first": array, "second": np.eye(2)}, do_compression=packed)
    expected = loadmat(io.BytesIO(content))
    names, variables = read_mat5("a.mat", content, ["first", "absent"])
    assert names == ["first", "second"]
    assert list(variables) == ["first"]
    np.testing.assert_array_equal(variables["first"], expected["first"])
    assert variables["first"].shape == expected["first"].shape


@pytest.mark.parametrize("packed", [True, False])
def test_texts_of_cells_keep_their_places(packed):
    cells = np.array([["a", "bc"], [np.ones(3), ""]], dtype=object)
    variables = read(written({"texts": TEXTS, "cells": cells}, do_compression=packed), "texts", "cells")
    assert variables["texts"].tolist() == TEXTS.tolist()
    assert variables["cells"][:, 0].tolist() == ["a", None]
    assert variables["cells"][0, 1] == "bc"


def test_the_other_byte_order_is_read():
    array = np.arange(6.0).reshape(2, 3) / 7
    np.testing.assert_array_equal(read(big_endian(array), "a")["a"], array)


def element(kind, data, order="<"):
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(array_class, shape, *parts, flags=0, name=b"a", order="<"):
    head = element(6, struct.pack(f"{order}II", array_class | flags, 0), order)
    head += element(5, struct.pack(f"{order}{len(shape)}i", *shape), order) + element(1, name, order)
    return element(14, head + b"".join(parts), order)


def file_of(*variables, order="<"):
    return bytes(124) + (b"\0\1IM" if order == "<" else b"\1\0MI") + b"".join(variables)


def big_endian(array):
    values = element(9, array.T.astype(">f8").tobytes(), ">")
    return file_of(matrix(6, array.shape, values, order=">"), order=">")


DOUBLES = element(9, np.arange(6.0).tobytes())
DAMAGED = {
    "6 numbers for the shape": file_of(matrix(6, (2, 4), DOUBLES)),
    "no numbers of type 99": file_of(matrix(6, (2, 3), element(99, bytes(48)))),
    "it ends early": file_of(matrix(6, (2, 3), DOUBLES))[:-20],
    "an array without flags, shape or name": file_of(matrix(6, (-2, -3), DOUBLES)),
    "a cell of type 0": file_of(matrix(1, (3, 3), bytes(64))),
    "'a' is there twice": file_of(*[matrix(6, (2, 3), DOUBLES)] * 2),
    "a variable of type 9": file_of(DOUBLES),
    "9 bytes in a tag for 4": file_of(struct.pack("<II", 9 << 16 | 1, 0)),
    "3 characters where 5 are declared": file_of(
        matrix(1, (1, 1), matrix(4, (1, 5), element(16, b"abc"))), matrix(6, (2, 3), DOUBLES, name=b"b")
    ),
    "a compressed variable ends early": file_of(element(15, zlib.compress(matrix(6, (2, 3), DOUBLES))[:-6])),
    "Error -3 while decompressing": file_of(element(15, b"no such thing")),
}


@pytest.mark.parametrize("message", DAMAGED)
def test_what_is_not_what_it_says_is_refused(message):
    with pytest.raises(GaitDataError, match=f"a.mat: not a readable MATLAB file .*{message}.*; copy or download"):
        read(DAMAGED[message], "a")


def test_what_is_not_read_is_refused_by_its_kind_where_it_is_wanted():
    content = written({"a": {"field": 1}, "b": np.ones(3)})
    assert list(read(content, "b")) == ["b"]
    with pytest.raises(GaitDataError, match="'a' is a struct; expected numbers or a cell array of texts"):
        read(content, "a")


def test_nothing_is_made_that_is_only_declared():
    """Eighty million cells, and zeros that unpack to a thousand times the size."""
    content = written({"a": np.array(["x"] * 4, dtype=object)})
    shape = content.index(struct.pack("<ii", 1, 4))
    many = content[:shape] + struct.pack("<ii", 1, 80_000_000) + content[shape + 8 :]
    packing = zlib.compressobj(9)
    zeros = b"".join([*(packing.compress(bytes(2**20)) for _ in range(64)), packing.flush()])
    tracemalloc.start()
    with pytest.raises(GaitDataError, match="80000000 cells are declared"):
        read(many, "a")
    with pytest.raises(GaitDataError, match="unpacks to over 200 times its size"):
        read(file_of(element(15, zeros)), "a")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * 200 * len(zeros)


def test_cells_hold_numbers_where_they_are_asked_for():
    cells = np.array([["a", "bc"], [np.arange(6.0).reshape(2, 3), np.empty((0, 0))]], dtype=object)
    content = written({"cells": cells})
    assert read(content, "cells")["cells"][1].tolist() == [None, None]
    found = read_mat5("a.mat", content, ["cells"], numeric_cells=True)[1]["cells"]
    assert found[0].tolist() == ["a", "bc"]
    np.testing.assert_array_equal(found[1, 0], cells[1, 0])
    assert found[1, 1].shape == (0, 0)


def test_a_cell_of_numbers_that_declares_more_than_it_holds_is_refused():
    inner = matrix(6, (9, 9), element(9, bytes(8)), name=b"")
    with pytest.raises(GaitDataError, match=r"1 numbers for the shape \(9, 9\)"):
        read_mat5("a.mat", file_of(matrix(1, (1, 1), inner)), ["a"], numeric_cells=True)
