"""How the suite runs: folds in the test process, a cache of its own, how much hypothesis tries, what a worker takes."""

import os
import resource
import threading

# Before anything imports a backend. Two workers on two cores: each computes on one thread.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cloudpickle
import pytest
from hypothesis import settings

# `make test-all` asks for the second by --hypothesis-profile=full.
settings.register_profile("quick", deadline=None, max_examples=20)
settings.register_profile("full", deadline=None, max_examples=100)
settings.load_profile("quick")

PEAK_GB = 4  # of a worker: Keras keeps memory of every network that was ever built in a process
PEAKS = pytest.StashKey[dict]()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """No test reads or writes the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAITLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


class FoldsHere:
    """Stands in for the nursery: what travels is pickled both ways, and the fold runs in this process."""

    def __init__(self):
        self._one_at_a_time = threading.Lock()  # Keras' names and seeds belong to the whole process

    def run(self, function, *args, threads):
        from gaitlib.evaluation.processes import dumps  # late: pytest-xdist's own process needs no backend

        task = dumps((function, args))
        with self._one_at_a_time:
            function, args = cloudpickle.loads(task)
            return cloudpickle.loads(dumps(function(*args)))

    def end_all(self):
        pass


@pytest.fixture(scope="session", autouse=True)
def folds_here():
    """A process of its own would cost every toy fold a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gaitlib.evaluation.runner.NURSERY", FoldsHere())
        yield


@pytest.fixture(autouse=True)
def own_processes(request, monkeypatch):
    """Where the process is the point, a test is marked ``own_processes``."""
    if request.node.get_closest_marker("own_processes"):
        from gaitlib.evaluation.processes import NURSERY

        monkeypatch.setattr("gaitlib.evaluation.runner.NURSERY", NURSERY)


def pytest_sessionfinish(session):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["peak_gb"] = peak
    else:
        session.config.stash.setdefault(PEAKS, {}).setdefault("main", peak)


def pytest_testnodedown(node):
    node.config.stash.setdefault(PEAKS, {})[node.gateway.id] = getattr(node, "workeroutput", {}).get("peak_gb")


def pytest_terminal_summary(terminalreporter, config):
    peaks = {name: peak for name, peak in config.stash.get(PEAKS, {}).items() if peak}
    told = ", ".join(f"{name} {peak:.2f} GB" for name, peak in sorted(peaks.items()))
    terminalreporter.write_line(f"peak memory: {told} (a worker's limit is {PEAK_GB} GB)")
