"""Every fold gets a process of its own, and a dead process, or a dead parent, does no harm."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import psutil
import pytest

from gaitlib.evaluation.processes import FORKS, NURSERY, Nursery, ProcessDiedError

pytestmark = pytest.mark.slow
only_where_forked = pytest.mark.skipif(not FORKS, reason="processes start anew here")


def where(seconds=0.0):
    time.sleep(seconds)
    return os.getpid(), sorted(os.sched_getaffinity(0))


def run_at_once(nursery, n):
    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(lambda _: nursery.run(where, 0.5, threads=1), range(n)))


def test_each_call_has_a_process_of_its_own():
    pids = {NURSERY.run(where, threads=1)[0] for _ in range(4)}
    assert len(pids) == 4
    assert os.getpid() not in pids


def remember(value, seen=[]):  # noqa: B006  that it is kept is the point
    seen.append(value)
    return list(seen)


def test_nothing_stays_from_one_call_to_the_next():
    assert [NURSERY.run(remember, k, threads=1) for k in (1, 2)] == [[1], [2]]


@only_where_forked
def test_processes_at_work_at_once_keep_to_cores_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # other work on this machine holds its cores elsewhere
    nursery = Nursery()
    n = len(os.sched_getaffinity(0))
    cores = [core for _, cores in run_at_once(nursery, n) for core in cores]
    assert sorted(cores) == sorted(os.sched_getaffinity(0))
    assert nursery.run(where, threads=n)[1] == sorted(os.sched_getaffinity(0))
    more = [cores for _, cores in run_at_once(nursery, n + 1)]
    assert sum(len(c) == 1 for c in more) >= n  # one finds no core free and runs anywhere


def threads_of_backend():
    keras.ops.convert_to_numpy(keras.ops.matmul(np.ones((64, 64), "float32"), np.ones((64, 64), "float32")))
    from threadpoolctl import threadpool_info

    return os.environ["TF_NUM_INTRAOP_THREADS"], max(pool["num_threads"] for pool in threadpool_info())


def test_the_number_of_threads_is_kept():
    assert NURSERY.run(threads_of_backend, threads=1) == ("1", 1)


def fail():
    raise ValueError("the reason")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Unpicklable(Exception):
    def __init__(self):
        self.lock = threading.Lock()


def fail_badly():
    raise Unpicklable


def test_an_error_comes_back_with_its_place():
    with pytest.raises(ValueError, match="the reason") as caught:
        NURSERY.run(fail, threads=1)
    assert "in fail" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="Unpicklable"):
        NURSERY.run(fail_badly, threads=1)


def test_a_killed_process_takes_no_other_with_it():
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(NURSERY.run, where, 1.0, threads=1)
        dead = pool.submit(NURSERY.run, die, threads=1)
        with pytest.raises(ProcessDiedError, match="killed, perhaps for lack of memory"):
            dead.result()
        assert other.result()[0]
    assert NURSERY.run(where, threads=1)


def test_all_at_work_can_be_ended():
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(NURSERY.run, where, 60.0, threads=1)
        while not NURSERY._children:
            time.sleep(0.01)
        NURSERY.end_all()
        with pytest.raises(ProcessDiedError):
            waiting.result(timeout=10)


@keras.saving.register_keras_serializable("own_package")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def registered_name():
    return keras.saving.get_registered_name(keras.saving.get_registered_object("own_package>Doubled"))


def test_layers_that_a_user_registered_are_registered_there_too():
    assert NURSERY.run(registered_name, threads=1) == "own_package>Doubled"


PARENT = """
import os, signal, sys, time
from pathlib import Path
from gaitlib.evaluation.processes import NURSERY

signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have been started by somebody who ignores it

def work(file):
    Path(file).write_text(f"{os.getpid()} {os.getppid()}")
    time.sleep(60)

NURSERY.run(work, sys.argv[1], threads=1)
"""


def gone(pid) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_one_that_asked(tmp_path, how):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path / "pids"], stderr=subprocess.PIPE)
    while not (Path(tmp_path, "pids").exists() and Path(tmp_path, "pids").read_text()):
        time.sleep(0.1)
        assert parent.poll() is None
    pids = [int(pid) for pid in Path(tmp_path, "pids").read_text().split()]
    parent.send_signal(how)
    parent.wait(timeout=20)
    deadline = time.monotonic() + 20
    while not all(gone(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert all(gone(pid) for pid in pids)


UNFORKED = """
import os
from gaitlib.evaluation.processes import FORKS, NURSERY, ProcessDiedError

def die():
    os._exit(1)

print(FORKS, len({NURSERY.run(os.getpid, threads=1) for _ in range(2)} - {os.getpid()}))
try:
    NURSERY.run(die, threads=1)
except ProcessDiedError:
    print("died")
"""


def test_where_forking_is_not_safe_each_call_starts_a_process_anew():
    done = subprocess.run(
        [sys.executable, "-c", UNFORKED], env=os.environ | {"KERAS_BACKEND": "jax"}, capture_output=True, text=True
    )
    assert done.stdout.split("\n")[:2] == ["False 2", "died"], done.stderr


LITTER = """
import os, signal, sys, tempfile
from pathlib import Path
from gaitlib.evaluation.processes import NURSERY

def work(how):
    Path(tempfile.gettempdir(), "left.txt").write_text("as TensorFlow does")
    tempfile.mkstemp()
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "kill":
        os.kill(int(os.environ["PROGRAM"]), signal.SIGKILL)
    return tempfile.gettempdir()

os.environ["PROGRAM"] = str(os.getpid())
print(NURSERY._server()._folder.path, flush=True)
print(NURSERY.run(work, sys.argv[1], threads=1))
"""


@pytest.mark.parametrize(("how", "length"), [("kill", 40), ("die", 150), ("live", 150)])
def test_nothing_is_left_in_the_temporary_folder(tmp_path, how, length):
    """Whether the program is killed, or a child of it, or it ends well; with a path too long for a socket, too."""
    folder = tmp_path / ("x" * length)
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", LITTER, how], env=os.environ | {"TMPDIR": str(folder)}, capture_output=True, text=True
    )
    sockets, *answer = done.stdout.split()
    assert answer == [] if how != "live" else answer[0].startswith(str(folder)), done.stderr
    assert done.returncode == {"live": 0, "die": 1, "kill": -signal.SIGKILL}[how]

    def left():
        return [p for p in [*folder.iterdir(), Path(sockets)] if p.exists() and not p.name.endswith(".lock")]

    deadline = time.monotonic() + 20
    while left() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left() == []
