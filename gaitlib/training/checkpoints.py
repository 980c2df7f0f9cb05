"""What a training needs to go on after it was killed, in two files that take turns."""

import hashlib
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np

from gaitlib.trials.arrays import read_arrays

SHARE = 0.05  # of the time of a training may go into its checkpoints
SLOTS = ("a", "b")  # the one before the last is there until the next is written whole


class Checkpoints:
    """Checkpoints of one training in a folder.

    Parameters
    ----------
    folder : path
        Made where it is not there.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._cost_s, self._kept_at, self._slot = 0.0, time.monotonic(), 0

    def restore(self, state) -> None:
        """Bring a state back to where the last whole checkpoint was made; leave it as it is where there is none.

        A file that is not what was written is named in a warning, and the checkpoint before it is taken.
        """
        for slot, told in sorted(self._told().items(), key=lambda one: -len(one[1]["rest"]["history"])):
            file = self.folder / f"{slot}.npz"
            try:
                if _checksum(file) != told["checksum"]:
                    raise ValueError("it is not what was written")
                state.from_arrays(read_arrays(file), told["rest"])
            except Exception as error:  # a damaged archive can raise nearly anything
                _warn(file, error)
                continue
            self._slot = 1 - SLOTS.index(slot)
            return

    def keep(self, state) -> None:
        """Write a checkpoint where the last is old enough for its cost."""
        if time.monotonic() - self._kept_at < self._cost_s / SHARE:
            return
        began, slot = time.monotonic(), SLOTS[self._slot]
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays, rest = state.to_arrays()
        told, file = self.folder / f"{slot}.json", self.folder / f"{slot}.npz"
        told.unlink(missing_ok=True)  # what it tells is no longer so
        np.savez(file, **arrays)
        _write(told, json.dumps({"checksum": _checksum(file), "rest": rest}))
        self._slot = 1 - self._slot
        self._cost_s, self._kept_at = time.monotonic() - began, time.monotonic()

    def remove(self) -> None:
        """Remove them, once the training has ended."""
        for slot in SLOTS:
            for end in ("json", "npz"):
                (self.folder / f"{slot}.{end}").unlink(missing_ok=True)

    def _told(self) -> dict[str, dict]:
        """What was told of each checkpoint that is there."""
        found = {}
        for slot in SLOTS:
            file = self.folder / f"{slot}.json"
            try:
                told = json.loads(file.read_text())
                len(told["rest"]["history"])
                found[slot] = told
            except FileNotFoundError:
                continue
            except Exception as error:  # not JSON, or of another kind
                _warn(file, error)
        return found


def _warn(file, error) -> None:
    warnings.warn(f"{file}: no whole checkpoint ({error}); the one before it is taken", stacklevel=4)


def _write(file, text) -> None:
    draft = file.with_suffix(".part")
    draft.write_text(text)
    os.replace(draft, file)


def _checksum(file) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
