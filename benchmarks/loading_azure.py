"""Writing and loading the Azure Kinect and pressure layout at its published size, 1440 synthetic trials.

Usage: python benchmarks/loading_azure.py [SUBJECTS WALKS]
Compares with a plain loop over pandas.read_csv in the same run; peak memory is that of a process which
only loads (read from /proc, so on Linux).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import gaitlib
from gaitlib.datasets import write_azure_pressure

# VmHWM, as the peak that getrusage gives may be that of the process which started this one.
PEAK = """
import sys, time
import pandas, scipy.ndimage
from gaitlib import load_trials
start = time.perf_counter()
trials = load_trials(sys.argv[1])
seconds = time.perf_counter() - start
peak_kb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(len(trials), round(seconds, 2), round(peak_kb / 1024))
"""


def plain_loop(folder: Path) -> int:
    """What one would write by hand: a call a file, times by pandas, repeated times dropped."""
    frames = 0
    for file in sorted(folder.rglob("skeleton.csv")):
        raw = pd.read_csv(file, header=None)
        time_s = pd.to_datetime(raw[0].str.replace(":-", ":"), format="%Y%m%d_%H:%M:%S.%f")
        positions = raw.loc[time_s.diff().dt.total_seconds().fillna(1) > 0, 1:96].to_numpy(np.float32)
        image = pd.read_csv(file.with_name("pressure.csv"), header=None).to_numpy(np.float32)
        assert image.shape == (128, 48)
        frames += len(positions)
    return frames


def timed(function, *arguments, **options):
    start = time.perf_counter()
    result = function(*arguments, **options)
    return time.perf_counter() - start, result


def main(n_subjects=12, n_walks=20):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GAITLIB_CACHE"] = f"{folder}/cache"
        tree = Path(folder) / "tree"
        making, trials = timed(gaitlib.synthetic_trials, n_subjects, n_walks)
        writing, _ = timed(write_azure_pressure, trials, tree)
        size_mb = sum(file.stat().st_size for file in tree.rglob("*.csv")) / 1e6
        print(f"{len(trials)} trials: made in {making:.1f} s, written in {writing:.1f} s ({size_mb:.0f} MB)")
        loaded = gaitlib.load_trials(tree, use_cache=False)  # the files are in the system's cache for both ways
        frames = sum(map(len, loaded.modality("skeleton").values))
        print(f"loaded equal to written: {loaded.digest() == trials.digest()}; {frames} frames")
        del trials, loaded
        plain = [timed(plain_loop, tree) for _ in range(3)]
        assert {n for _, n in plain} == {frames}
        cold = [timed(gaitlib.load_trials, tree, use_cache=False)[0] for _ in range(3)]
        plain_s, cold_s = np.median([t for t, _ in plain]), np.median(cold)
        print(f"plain pandas loop {plain_s:.2f} s; gaitlib {cold_s:.2f} s ({cold_s / plain_s:.2f} of it); medians of 3")
        for how in ("cold, cache written", "cached"):
            out = subprocess.run([sys.executable, "-c", PEAK, tree], capture_output=True, text=True, check=True)
            n, seconds, peak_mb = out.stdout.split()
            print(f"{how}: {n} trials, {seconds} s, peak memory {peak_mb} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
