"""Seconds and peak memory of what every benchmark asks of its trials, as they grow 1 to 8 times, and the slope.

Usage: python benchmarks/audit_scaling.py [WINDOWS]
"""

import sys
import time
import tracemalloc

import numpy as np

from gaitlib import TrialSet
from gaitlib.audit.checks import audit_split
from gaitlib.audit.copies import Copies, near_copies, shared_content
from gaitlib.audit.fingerprint import changing, distances, fingerprints, parts, views
from gaitlib.protocols import LeaveOneSubjectOut

TIMES = (1, 2, 4, 8)


def windows(n) -> TrialSet:
    """Of 100 frames and 6 channels, ten of each person."""
    values = np.random.default_rng(0).normal(size=(n, 100, 6)).astype(np.float32)
    subjects = np.arange(n) // 10
    return TrialSet.from_arrays({"imu": list(values)}, subject=subjects, label=np.where(np.arange(n) % 2, "a", "b"))


def split(trials):
    protocol = LeaveOneSubjectOut()
    nothing = shared_content(trials[:2]), near_copies(trials[:2])
    return audit_split(trials, protocol, protocol.folds(trials), Copies(*nothing))


def every_pair(trials):
    """The naive way to near copies: every trial set against all others."""
    m = trials.modality("imu")
    index = changing(m)
    means = parts(m, index)
    for view in views(m).values():
        prints = fingerprints(means, view)
        for part in np.array_split(index, 1 + len(index) ** 2 // 2**15):
            distances(prints, part, np.tile(index, (len(part), 1)))


def main(n=1250):
    for question in (near_copies, every_pair, shared_content, split):
        seconds = []
        for k in TIMES:
            trials = windows(n * k)
            tracemalloc.start()
            start = time.perf_counter()
            question(trials)
            seconds.append(time.perf_counter() - start)
            peak = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
            print(f"{question.__name__}: {n * k} windows, {seconds[-1]:.1f} s, {peak:.0f} MB", flush=True)
        print(f"{question.__name__}: slope {np.polyfit(np.log(TIMES), np.log(seconds), 1)[0]:.2f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
