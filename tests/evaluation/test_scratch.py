"""Temporary folders go with their process, and what a killed one left is swept by the next; no live one is touched."""

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from gaitlib import GaitDataError
from gaitlib.evaluation import scratch
from gaitlib.evaluation.scratch import LONGEST_FOR_A_SOCKET, Scratch, for_sockets, sweep

pytestmark = pytest.mark.skipif(scratch.fcntl is None, reason="nothing is locked or swept here")


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_it_goes_when_asked_or_with_its_object(temporary):
    first, second = Scratch(), Scratch()
    (first.path / "deep" / "er").mkdir(parents=True)
    first.remove()
    first.remove()  # twice is once
    assert list(temporary.iterdir()) == [second.path]
    del second
    assert list(temporary.iterdir()) == []


def test_only_what_a_dead_process_left_is_swept(temporary):
    told, tell = os.pipe()
    if (other := os.fork()) == 0:
        held = Scratch()
        os.write(tell, str(held.path).encode())
        time.sleep(60)
    others, own = Path(os.read(told, 1000).decode()), Scratch()
    (temporary / "gaitlib-not-ours").mkdir()  # without a lock: just being made, or somebody else's
    (temporary / "gaitlib-1000-core-0.lock").write_text("")
    sweep()
    kept = {own.path, temporary / "gaitlib-not-ours", temporary / "gaitlib-1000-core-0.lock"}
    assert set(temporary.iterdir()) == kept | {others}
    os.kill(other, signal.SIGKILL)
    os.waitpid(other, 0)
    sweep()
    assert set(temporary.iterdir()) == kept


def test_a_link_to_elsewhere_is_not_followed(temporary):
    (temporary / "precious").mkdir()
    (temporary / "precious" / "lock").write_text("")
    (temporary / "gaitlib-link").symlink_to(temporary / "precious")
    sweep()
    assert (temporary / "precious" / "lock").exists()


def test_a_forked_process_leaves_the_folder_of_its_parent(temporary):
    own = Scratch()
    if (child := os.fork()) == 0:
        own.remove()
        os._exit(0)
    os.waitpid(child, 0)
    assert own.path.exists()


@pytest.mark.parametrize("length", [LONGEST_FOR_A_SOCKET, LONGEST_FOR_A_SOCKET + 1])
def test_a_socket_finds_room_whatever_the_length_of_the_temporary_folder(monkeypatch, length):
    parents = []
    monkeypatch.setattr(tempfile, "tempdir", "/" + "x" * (length - 1))
    monkeypatch.setattr(scratch, "Scratch", lambda parent=None: parents.append(parent))
    for_sockets()
    assert parents == [None if length == LONGEST_FOR_A_SOCKET else "/tmp"]


def test_where_there_is_no_room_for_a_socket_it_says_what_to_do(monkeypatch):
    def full(parent=None):
        raise OSError("read-only")

    monkeypatch.setattr(tempfile, "tempdir", "/" + "x" * 150)
    monkeypatch.setattr(scratch, "Scratch", full)
    with pytest.raises(GaitDataError, match="too long a path for a socket.*set the environment variable TMPDIR"):
        for_sockets()
