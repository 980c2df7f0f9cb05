"""A benchmark killed at many moments and started again: the same numbers to the last bit, nothing lost or left over.

Kills (SIGKILL) in turn the program, the process that its folds come from, and the process of a fold, with none to all
but one of the folds finished and a little later; then runs it again and compares with a run that was left alone.

Usage: python benchmarks/kills.py [MOMENTS]
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

STUDY = """
import sys
import gaitlib

trials = gaitlib.synthetic_trials(n_subjects=4, n_walks=1, seed=0)
model = gaitlib.GaitClassifier("compact_gru", training=gaitlib.Training(epochs=1))
print("begins", flush=True)
runs = gaitlib.benchmark(model, trials, store=sys.argv[1], progress=False)
print(runs.predictions().to_json(double_precision=15))
"""
VICTIMS = ("program", "process server", "process of a fold")


def start(study, store, temporary):
    """The program, as it begins its benchmark."""
    command = [sys.executable, "-W", "ignore", study, store]
    environment = os.environ | {"TMPDIR": str(temporary)}
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    program.stdout.readline()
    return program


def kill(program, victim) -> bool:
    """Whether there was such a process still."""
    while program.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):  # not yet, or no longer
            below = psutil.Process(program.pid)
            for _ in range(VICTIMS.index(victim)):
                below = [child for child in below.children() if child.status() != psutil.STATUS_ZOMBIE][0]
            below.kill()
            return True
        time.sleep(0.01)
    return False


def folds(store):
    return {p: p.stat().st_mtime_ns for p in Path(store).glob("*/*/fold.json") if p.parent.name[0] != "."}


def main():
    moments = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "study.py").write_text(STUDY)
        (folder / "temporary").mkdir()
        program = start(folder / "study.py", folder / "whole", folder / "temporary")
        began, whole = time.monotonic(), program.communicate()[0]
        lasts, different, rng = time.monotonic() - began, 0, np.random.default_rng(0)
        print(f"left alone: {lasts:.1f} s, {len(folds(folder / 'whole'))} folds")
        n_folds = len(folds(folder / "whole"))
        for number in range(moments):
            victim, store = VICTIMS[number % len(VICTIMS)], folder / f"store{number}"
            program = start(folder / "study.py", store, folder / "temporary")
            while len(folds(store)) < number % n_folds and program.poll() is None:
                time.sleep(0.005)
            later = rng.uniform(0, lasts / n_folds / 2)
            time.sleep(later)
            hit = kill(program, victim)
            program.communicate()
            finished = folds(store)
            again = start(folder / "study.py", store, folder / "temporary").communicate()[0]
            kept = {place: folds(store).get(place) for place in finished} == finished
            left = [p.name for p in (folder / "temporary").iterdir() if not p.name.endswith(".lock")]
            left += [p.name for p in store.rglob("*") if p.name[0] == "." or "damaged" in p.name or "failed" in p.name]
            well = again == whole and bool(whole) and kept
            different += not well
            print(
                f"{number % n_folds} folds and {later:.2f} s, {victim if hit else 'nobody, it had ended'}: "
                f"{len(finished)} finished folds {'kept' if kept else 'LOST'}, "
                f"{'the same bits' if again == whole else 'DIFFERENT'}, left over: {', '.join(left) or 'nothing'}",
                flush=True,
            )
        print(f"{moments} moments, {different} ended badly")
        sys.exit(different > 0)


if __name__ == "__main__":
    main()
