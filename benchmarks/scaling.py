"""Seconds of a leave-one-subject-out fold as trials grow 1, 2, 4, 8 times, and the slope (1 is linear).

Usage: python benchmarks/scaling.py [MODEL ...]
"""

import sys
import tempfile
import time

import numpy as np

import gaitlib

TIMES = (1, 2, 4, 8)


def main(models):
    for name in models or ["extra_trees", "compact_gru", "gru_cnn_fusion"]:
        seconds = []
        for k in TIMES:
            trials = gaitlib.synthetic_trials(n_subjects=4, n_walks=5 * k, seed=0)
            model = gaitlib.GaitClassifier(name, training=gaitlib.Training(epochs=4, schedule=None))
            with tempfile.TemporaryDirectory() as store:
                start = time.perf_counter()
                gaitlib.benchmark(model, trials, [gaitlib.SubjectHoldout(validation=False)], store, progress=False)
                seconds.append(time.perf_counter() - start)
            print(f"{name}: {len(trials)} trials, {seconds[-1]:.1f} s", flush=True)
        slope = np.polyfit(np.log(TIMES[1:]), np.log(seconds[1:]), 1)[0]
        print(
            f"{name}: 8 times the trials cost {seconds[-1] / seconds[0]:.1f} times; slope from 2 to 8 times {slope:.2f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
