"""On a real Dask cluster of two worker processes the numbers are those of a serial run, also where a worker dies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs pip install 'gaitlib[distributed]'")
pytestmark = pytest.mark.slow

STUDY = """
import os, signal, sys, threading, time
from pathlib import Path
import gaitlib, joblib
from distributed import Client, LocalCluster
from planted import planted_trials

def kill_when_a_fold_is_there(store, pid):
    while not list(store.glob("*/s0*/fold.json")):
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)

if __name__ == "__main__":
    store = Path(sys.argv[1])
    trials = planted_trials(n_subjects=4, n_walks=1, seed=0)
    gru = gaitlib.GaitClassifier("compact_gru", training=gaitlib.Training(epochs=2))
    models = {"gru": gru, "trees": "extra_trees"}
    serial = gaitlib.benchmark(models, trials, store=store / "serial", progress=False).predictions()
    two = gaitlib.benchmark(models, trials, store=store / "two", progress=False, n_jobs=2).predictions()
    print("two", serial.equals(two))
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client, joblib.parallel_config(backend="dask"):
        workers = client.run(os.getpid)
        victim = threading.Thread(target=kill_when_a_fold_is_there, args=[store / "dask", min(workers.values())])
        victim.start()
        dask = gaitlib.benchmark(models, trials, store=store / "dask", progress=False).predictions()
        victim.join()
        after = client.run(os.getpid)
    print("killed", set(workers.values()) != set(after.values()))
    print("dask", serial.equals(dask))
"""


def test_serial_two_processes_and_a_cluster_with_a_killed_worker_give_the_same_numbers(tmp_path):
    (tmp_path / "study.py").write_text(STUDY)
    done = subprocess.run(
        [sys.executable, tmp_path / "study.py", tmp_path],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:3] == ["two True", "killed True", "dask True"], done.stderr
