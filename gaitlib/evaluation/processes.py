"""A fresh process for every fold, in milliseconds.

Keras keeps memory of every model that was ever built in a process (keras #17458), and TensorFlow takes seconds to
import. So one process, the nursery, imports everything, computes nothing, and forks a child a task. joblib's own
processes would live on from fold to fold, and one that is killed would take the others with it.
"""

import atexit
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import traceback
from multiprocessing.connection import Client, Listener
from pathlib import Path

import cloudpickle
import keras
from threadpoolctl import threadpool_limits

from gaitlib.evaluation.scratch import Scratch, for_sockets, sweep

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# Forking is safe before the backend has computed anything. JAX and macOS advise against it even then: there each task
# gets a process that imports anew.
FORKS = sys.platform == "linux" and keras.backend.backend() == "tensorflow"
SERVE = "from gaitlib.evaluation.processes import serve; serve()"
# What TensorFlow's C++ parts say of a GPU that is not there, at any TF_CPP_MIN_LOG_LEVEL
NO_GPU = re.compile(rb"WARNING: All log messages before absl|[IWE]\d{4} .*(cuda|CUDA|cuInit)")


class ProcessDiedError(Exception):
    """The process of a task ended without an answer."""


_PICKLING = threading.Lock()  # what is registered holds for all threads


def dumps(value) -> bytes:
    """Pickle for another process, on whichever machine: what lies in a user's own files travels as a whole."""
    with _PICKLING:
        own = {module.__name__: module for module in list(sys.modules.values()) if _is_own(module)}
        for module in own.values():
            cloudpickle.register_pickle_by_value(module)
        try:
            return cloudpickle.dumps(value)
        finally:
            for module in own.values():
                cloudpickle.unregister_pickle_by_value(module)


def _is_own(module) -> bool:
    file = getattr(module, "__file__", None)
    if not file or module.__name__.split(".")[0] in ("gaitlib", "__main__"):  # cloudpickle knows about __main__
        return False
    installed = {"site-packages", "dist-packages"} & set(Path(file).parts)
    return not installed and not file.startswith(sysconfig.get_path("stdlib"))


class Nursery:
    """Runs functions in fresh processes; a child never outlives the process that asked for it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._kept = None
        self._owner = os.getpid()
        self._children = set()

    def run(self, function, *args, threads: int):
        """Call ``function(*args)`` in a process of its own, on as many cores as it has threads.

        Raises
        ------
        ProcessDiedError
            If that process was killed; whatever the function raised is raised here too.
        """
        place = {"path": sys.path, "folder": os.getcwd(), "threads": threads}
        task = dumps((_own_layers(), function, args))
        server = self._server()
        try:
            failed, answer = self._ask(server.address, place, task)
        except (EOFError, OSError):
            raise ProcessDiedError("its process was killed, perhaps for lack of memory") from None
        finally:
            if not FORKS:
                server.end()
        if failed:
            raise answer
        return answer

    def _ask(self, address, place, task):
        with Client(address) as connection:
            child = connection.recv()
            self._children.add(child)
            try:
                connection.send(place)
                connection.send_bytes(task)
                return cloudpickle.loads(connection.recv_bytes())
            finally:
                self._children.discard(child)

    def end_all(self):
        """Kill the children at work, so that whoever waits for them goes on."""
        for child in list(self._children):
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGTERM)

    def close(self):
        """End the process that is kept."""
        if self._kept is not None and self._owner == os.getpid():
            self._kept.end()
            self._kept = None
            sweep()  # after children that were ended at work

    def _server(self) -> "_Server":
        if not FORKS:
            return _Server()
        with self._lock:
            if self._kept is None or not self._kept.alive() or self._owner != os.getpid():
                self._kept, self._owner = _Server(), os.getpid()
            return self._kept


class _Server:
    """A process that serves; it ends when its standard input is closed, at the latest with this process."""

    def __init__(self):
        sweep()
        self._folder = for_sockets()
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment | {"GAITLIB_SOCKETS": str(self._folder.path)},
            start_new_session=True,  # an interrupt from the keyboard is for this process, which then ends the children
        )
        threading.Thread(target=_hand_on, args=[self._process.stderr], daemon=True).start()
        self.address = self._process.stdout.readline().decode().strip()
        if not self.address:
            self._folder.remove()
            raise RuntimeError("the process that trains folds could not start; its message is on standard error")

    def alive(self) -> bool:
        return self._process.poll() is None

    def end(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._folder.remove()


def _hand_on(lines):
    """To this process's own standard error, less what is said of a GPU that is not there."""
    for line in lines:
        if not NO_GPU.match(line):
            os.write(2, line)


def serve():
    """What the nursery does: answer each connection with a child."""
    import gaitlib.classifier  # noqa: F401  what the children need, imported once

    # On Windows an address is no file.
    listener = Listener(os.path.join(os.environ["GAITLIB_SOCKETS"], "socket") if fcntl else None)
    print(listener.address, flush=True)
    os.dup2(2, 1)  # nobody reads standard output from here on
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    while True:
        connection = listener.accept()
        if FORKS and os.fork():
            connection.close()
            _bury()
            continue
        with contextlib.suppress(EOFError, OSError):  # whoever asked is gone
            _work(connection)
        os._exit(0)


def _end_with_standard_input():
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ["GAITLIB_SOCKETS"], ignore_errors=True)  # whoever made it may have been killed
    os._exit(0)


def _bury():
    """Take note of children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _work(connection):
    connection.send(os.getpid())
    place = connection.recv()
    sys.path[:] = place["path"]
    os.chdir(place["folder"])
    content = connection.recv_bytes()
    try:
        scratch = Scratch()
    except OSError as error:
        connection.send_bytes(cloudpickle.dumps((True, error)))
        return
    threading.Thread(target=_end_with, args=[connection, scratch], daemon=True).start()
    try:
        _take_cores(place["threads"])
        tempfile.tempdir = os.environ["TMPDIR"] = str(scratch.path)  # TensorFlow leaves a file for every network
        with threadpool_limits(place["threads"]):
            os.environ.update(
                dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(place["threads"]))
            )
            own_layers, function, args = cloudpickle.loads(content)
            for name, layer in own_layers.items():
                keras.saving.register_keras_serializable(*name.split(">"))(layer)
            answer = dumps((False, function(*args)))
    except BaseException as error:
        error.add_note(f"In the process of the fold:\n{traceback.format_exc()}")
        try:
            answer = cloudpickle.dumps((True, error))
            cloudpickle.loads(answer)
        except Exception:  # an error that cannot travel
            answer = cloudpickle.dumps((True, RuntimeError(traceback.format_exc())))
    scratch.remove()
    connection.send_bytes(answer)


def _end_with(connection, scratch):
    """Nothing more is sent to a child: when its connection can be read, the other end is closed or dead."""
    connection.poll(None)
    scratch.remove()
    os._exit(1)


def _own_layers() -> dict[str, type]:
    """Layers that a user has registered under a package of their own; a child must register them anew."""
    registered = keras.saving.get_custom_objects().items()
    return {name: own for name, own in registered if own.__module__.split(".")[0] not in ("keras", "gaitlib")}


def _take_cores(n: int) -> None:
    """Keep this process on n cores that no other child on this machine has, where there are as many.

    Two processes that wander between two cores are slower than one after the other. A core is taken by locking a file
    of its name, which the system unlocks when the process ends, however it ends.
    """
    if fcntl is None or not hasattr(os, "sched_setaffinity"):
        return
    cores = {}
    for core in sorted(os.sched_getaffinity(0), key=_rank_of_thread):
        path = Path(tempfile.gettempdir(), f"gaitlib-{os.getuid()}-core-{core}.lock")
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            cores[core] = lock
        except OSError:
            os.close(lock)
        if len(cores) == n:
            os.sched_setaffinity(0, cores)
            return
    for lock in cores.values():
        os.close(lock)


def _rank_of_thread(core: int) -> int:
    """0 for the first hardware thread of a core, 1 for its twin, so that cores are filled first."""
    try:
        twins = Path(f"/sys/devices/system/cpu/cpu{core}/topology/core_cpus_list").read_text()
    except OSError:
        return 0
    ranges = (part.split("-") for part in twins.split(","))
    return sorted(c for first, *last in ranges for c in range(int(first), int((last or [first])[0]) + 1)).index(core)


NURSERY = Nursery()
atexit.register(NURSERY.close)
