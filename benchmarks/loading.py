"""Loading: cold, cached, and against a plain loop over pandas.read_csv with the same clean-up, in one run.

Usage: python benchmarks/loading.py ZIP [--full]
``--full`` also copies the recordings under new subject numbers until there are 7200 files, the size of the published
set, and measures the peak memory of loading them.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib import load_trials
from gaitlib.datasets import kinect_v2

PEAK = """
import sys, time
from gaitlib import load_trials
start = time.perf_counter()
trials = load_trials(sys.argv[1])
seconds = time.perf_counter() - start
peak_kb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(len(trials), round(seconds, 2), round(peak_kb / 1024))
"""


def plain_loop(path) -> int:
    """What one would write by hand: a call a file, then the loader's own clean-up."""
    frames = 0
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if kinect_v2.FILE_NAME.search(name):
                raw = pd.read_csv(io.BytesIO(archive.read(name)), sep="\t", header=None).to_numpy(dtype=float)
                frames += len(kinect_v2._clean(name, raw, {})[0])
    return frames


def timed(function, *arguments, **options):
    start = time.perf_counter()
    result = function(*arguments, **options)
    return time.perf_counter() - start, result


def enlarge(path, target: Path, copies: int = 5) -> None:
    """The same recordings again under new subject numbers."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in source.namelist():
            if kinect_v2.FILE_NAME.search(name):
                content = source.read(name)
                for copy in range(copies):
                    archive.writestr(
                        re.sub(r"human(\d+)", lambda m, c=copy: f"human{int(m[1]) + 10 * c}", name), content
                    )


def main(path, full):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GAITLIB_CACHE"] = f"{folder}/cache"
        load_trials(path, use_cache=False)  # the archive is in the system's file cache for both ways
        plain = [timed(plain_loop, path)[0] for _ in range(3)]
        cold = [timed(load_trials, path, use_cache=False)[0] for _ in range(3)]
        first, trials = timed(load_trials, path)
        cached = [timed(load_trials, path)[0] for _ in range(10)]
        print(f"{len(trials)} files, {sum(map(len, trials.modality('skeleton').values))} frames; medians in seconds")
        plain, cold, cached = (np.median(t) for t in (plain, cold, cached))
        print(f"plain pandas loop {plain:.2f}; gaitlib {cold:.2f} ({cold / plain:.2f} of it)")
        print(f"first load with cache written {first:.2f}; cached {cached:.3f}, {cold / cached:.0f} times faster")
        if full:
            target = Path(folder) / "full.zip"
            enlarge(path, target)
            for how in ("cold", "cached"):
                out = subprocess.run([sys.executable, "-c", PEAK, target], capture_output=True, text=True, check=True)
                files, seconds, peak_mb = out.stdout.split()
                print(
                    f"{how}: {files} files, {target.stat().st_size / 1e9:.2f} GB: {seconds} s, peak memory {peak_mb} MB"
                )


if __name__ == "__main__":
    main(sys.argv[1], "--full" in sys.argv)
