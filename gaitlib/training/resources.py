"""What training costs: time, memory, processor."""

import threading
import time

import psutil

from gaitlib.training.device import thread_count


class ResourceMonitor:
    """Seconds, peak memory and CPU use of this process inside a ``with`` block.

    Attributes
    ----------
    used : dict
        After the block: ``seconds``, ``peak_memory_mb``, ``cpu_percent`` (100 is one full core).
    """

    def __enter__(self):
        self._process = psutil.Process()
        self._start, self._cpu = time.perf_counter(), sum(self._process.cpu_times()[:2])
        self._peak, self._done = self._process.memory_info().rss, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def _sample(self):
        while not self._done.wait(0.1):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def __exit__(self, *error):
        self._done.set()
        self._thread.join()
        seconds = time.perf_counter() - self._start
        cpu = sum(self._process.cpu_times()[:2]) - self._cpu
        peak = max(self._peak, self._process.memory_info().rss)
        self.used = {
            "seconds": round(seconds, 3),
            "peak_memory_mb": round(peak / 2**20, 1),
            "cpu_percent": round(100 * cpu / seconds, 1),
            "threads": thread_count(),
        }
