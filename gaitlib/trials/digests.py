"""A digest of every recording, which tells it under any name."""

import hashlib

import numpy as np


def recording_digests(trials) -> list[str]:
    """Equal for the same numbers in all modalities, whatever trial and person are called.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> arrays = [np.ones((5, 1)), np.ones((5, 1)), np.zeros((5, 1))]
    >>> one, same, other = recording_digests(TrialSet.from_arrays({"emg": arrays}, subject=["a", "b", "c"]))
    >>> one == same, one == other
    (True, False)
    """
    found = []
    for i in range(len(trials)):
        h = hashlib.blake2b(digest_size=8)
        for name in sorted(trials.modalities):
            if (values := trials.modalities[name].values[i]) is not None:
                h.update(name.encode() + np.ascontiguousarray(values).tobytes())
        found.append(h.hexdigest())
    return found
