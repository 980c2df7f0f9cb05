"""Memory of the program over 50 folds: gaitlib's benchmark against training in the program itself.

Usage: python benchmarks/memory.py [N_FOLDS]
"""

import sys
import tempfile
from unittest.mock import patch

import psutil

import gaitlib
from gaitlib.evaluation.fold import train_fold
from gaitlib.evaluation.store import RunStore


def used_mb() -> float:
    return psutil.Process().memory_info().rss / 2**20


def told(name, used) -> float:
    shown = ", ".join(f"{used[k]:.0f}" for k in range(0, len(used), max(1, len(used) // 5)))
    growth = (used[-1] - used[0]) / (len(used) - 1)
    print(f"{name}: {shown} ... {used[-1]:.0f} MB; {growth:.2f} MB a fold after the first", flush=True)
    return growth


def main(n_folds=50):
    trials = gaitlib.synthetic_trials(n_subjects=n_folds, n_walks=1, seed=0)
    model = gaitlib.GaitClassifier("compact_gru", training=gaitlib.Training(epochs=1))
    protocol = gaitlib.LeaveOneSubjectOut(validation=False)
    write, ours = RunStore.write, []

    def write_and_look(*arguments):
        write(*arguments)
        ours.append(used_mb())

    with tempfile.TemporaryDirectory() as store, patch.object(RunStore, "write", write_and_look):
        gaitlib.benchmark(model, trials, [protocol], store, progress=False)
    own = told("gaitlib, a process a fold", ours)
    within = []
    for fold in protocol.folds(trials):
        train_fold(model, trials, fold, seed=0)
        within.append(used_mb())
    plain = told("all folds in one process", within)
    print(f"ratio of the growth {own / plain:.3f} ({n_folds} folds)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
