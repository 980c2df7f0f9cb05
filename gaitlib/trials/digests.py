"""Digests of recordings, which tell them under any name."""

import hashlib

import numpy as np


def recording_digests(trials) -> list[frozenset[str]]:
    """Of every trial the digests of what its sensors recorded: one shared by two trials is of the same recording.

    Each sequence and image has its own, so that a further modality hides nothing. What does not change from frame to
    frame, as of a sensor that was off, tells nobody and has none; nor have static values.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> walk = np.arange(10.0).reshape(5, 2)
    >>> arrays = {"emg": [walk, walk, np.zeros((5, 2))], "imu": [walk, walk + 1, walk + 2]}
    >>> trials = TrialSet.from_arrays(arrays, subject=["a", "b", "c"])
    >>> one, other, third = recording_digests(trials)
    >>> len(one), len(one & other), len(third), one & third
    (2, 1, 1, frozenset())
    """
    found = [set() for _ in range(len(trials))]
    for name, m in trials.modalities.items():
        for own, values in zip(found, m.values if m.kind != "static" else [], strict=False):
            if values is not None and (values != values[:1]).any():
                content = name.encode() + np.ascontiguousarray(values).tobytes()
                own.add(hashlib.blake2b(content, digest_size=8).hexdigest())
    return [frozenset(own) for own in found]
