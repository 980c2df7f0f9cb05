"""The device that networks train on: chosen by one call, never on import."""

import contextlib
import importlib
import os
import platform
import re
from pathlib import Path

import keras
import numpy as np
import psutil

from gaitlib.errors import GaitDataError

_chosen = {"device": "auto", "mixed_precision": False}


def set_device(device="auto", mixed_precision=False) -> None:
    """Choose where networks train. Call it first, before anything is built; benchmarks take it into their processes.

    A GPU that is there is used without this call, too. With it, its memory is taken as needed instead of all at once.

    Parameters
    ----------
    device : {"auto", "cpu", "gpu"}
        "auto" takes a GPU where there is one, "cpu" hides it, "gpu" insists on it.
    mixed_precision : bool
        Compute in float16 with weights in float32 (Keras policy "mixed_float16"): faster on GPUs with tensor cores,
        slower on a CPU. Part of a run's key, as are backend and GPU.

    Raises
    ------
    GaitDataError
        If there is no GPU, or if the backend has computed something already.
    """
    if device not in ("auto", "cpu", "gpu"):
        raise GaitDataError(f"device '{device}' is none of auto, cpu, gpu")
    try:
        if keras.backend.backend() == "tensorflow":
            _set_tensorflow(device)
        elif keras.backend.backend() == "jax":
            os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
            if device == "cpu":
                import jax

                jax.config.update("jax_platforms", "cpu")
    except RuntimeError as error:
        raise GaitDataError(f"the device can only be chosen before anything is computed ({error}); restart") from error
    if device == "gpu" and not has_gpu():
        raise GaitDataError("no GPU is seen; on Linux: pip install 'gaitlib[gpu]', and look at the driver")
    keras.config.set_dtype_policy(_policy(mixed_precision))
    _chosen.update(device=device, mixed_precision=mixed_precision)


def _set_tensorflow(device):
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    tf.config.set_visible_devices([] if device == "cpu" else gpus, "GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)


def chosen_device() -> dict:
    """What :func:`set_device` was told, to tell it to another process.

    Raises
    ------
    GaitDataError
        If the precision was set in another way since, which the other process would not know.
    """
    policy = keras.config.dtype_policy().name
    if policy != _policy(_chosen["mixed_precision"]):
        raise GaitDataError(
            f"Keras computes in '{policy}'; choose the precision by gaitlib.set_device(mixed_precision=)"
        )
    return dict(_chosen)


def _policy(mixed_precision) -> str:
    return "mixed_float16" if mixed_precision else "float32"


def has_gpu() -> bool:
    """Whether the Keras backend sees a GPU. Asking takes none of its memory."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.get_visible_devices("GPU"))
    return any(name.lower().startswith(("gpu", "cuda")) for name in keras.distribution.list_devices())


def device_name() -> str:
    """Backend and device that networks train on, for people to read."""
    device = "GPU" if has_gpu() else f"CPU ({psutil.cpu_count(logical=False) or psutil.cpu_count()} cores)"
    return f"Keras {keras.__version__} on {keras.backend.backend()}, {device}"


def machine() -> str:
    """Processor, its widest vector instructions, and versions: what figures may depend on in their last digits."""
    config = np.show_config(mode="dicts")
    simd = config["SIMD Extensions"]
    modules = ("gaitlib", keras.backend.backend(), "keras", "numpy", "scipy", "sklearn", "pandas")
    versions = [f"{name} {importlib.import_module(name).__version__}" for name in modules]
    return "\n".join([
        f"{_processor()}, {[*simd['baseline'], *simd.get('found', [])][-1]}, {psutil.cpu_count()} threads",
        f"Python {platform.python_version()}, {', '.join(versions)}",
    ])  # fmt: skip


def _processor() -> str:
    """Its name; Linux tells it in a file only."""
    with contextlib.suppress(OSError):
        if name := re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()):
            return name[1]
    return platform.processor() or platform.machine()


def thread_count() -> int:
    """Threads that one operation of the backend may use; the numbers of some models change with it."""
    return int(os.environ.get("TF_NUM_INTRAOP_THREADS") or psutil.cpu_count())
