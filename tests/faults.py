"""Twenty-two faults that the suite must catch: a test that cannot fail proves nothing.

Each gives a wrong number without a word. One after the other is put into a copy of the checkout, where the tests that
should see it are run::

    python tests/faults.py                                # all faults, all tests
    python tests/faults.py --tier "not slow"              # which of them the fast tests see
    python tests/faults.py --checkout ../before holm-omitted
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """A change of one place of the code, and the test files that must see it."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


FAULTS = [
    # -- what is learnt, from whom ---------------------------------------------------------------------------
    Fault(
        "scaler-fitted-on-what-it-transforms",
        "gaitlib/preprocessing/frames.py",
        "self.transformer_.transform(np.concatenate(rows))",
        "self.transformer_.fit_transform(np.concatenate(rows))",
        ("tests/preprocessing/test_frames.py",),
    ),
    Fault(
        "early-stopping-watches-the-test-fold",
        "gaitlib/evaluation/fold.py",
        "validation=trials[watched] if len(watched) else None",
        "validation=trials[fold.test] if len(watched) else None",
        ("tests/evaluation/test_runner.py",),
    ),
    Fault(
        "watched-subjects-also-learnt-from",
        "gaitlib/protocols/folds.py",
        "unit = self.watched_unit if self.validation else None",
        'unit = "walk" if self.validation else None',
        ("tests/protocols/test_folds.py",),
    ),
    Fault(
        "model-that-watched-the-subject-explains-it",
        "gaitlib/results/runs.py",
        "np.isin(np.asarray(values, dtype=str), fold.tested[column].astype(str))",
        "np.isin(np.asarray(values, dtype=str), fold.predictions[column].astype(str))",
        ("tests/evaluation/test_runner.py",),
    ),
    Fault(
        "copies-seen-one-way-only",
        "gaitlib/audit/checks.py",
        "return pairs[(tested[a] & rest[b]) | (rest[a] & tested[b])]",
        "return pairs[tested[a] & rest[b]]",
        ("tests/audit/test_checks.py",),
    ),
    # -- the same run twice, another run apart ---------------------------------------------------------------
    Fault(
        "first-weights-the-same-for-every-seed",
        "gaitlib/classifier.py",
        "keras.utils.set_random_seed(self.seed)  # anew",
        "keras.utils.set_random_seed(0)  # anew",
        ("tests/test_classifier.py",),
    ),
    Fault(
        "store-key-without-training-settings",
        "gaitlib/evaluation/key.py",
        "clone(model).set_params(progress=False)",
        "clone(model).set_params(progress=False, training=None)",
        ("tests/evaluation/test_runner.py",),
    ),
    Fault(
        "saved-in-single-precision",
        "gaitlib/saving/state.py",
        "arrays[key] = array",
        'arrays[key] = array.astype("float32") if array.dtype == "float64" else array',
        ("tests/test_saving.py",),
    ),
    # -- statistics over people ------------------------------------------------------------------------------
    Fault(
        "holm-omitted",
        "gaitlib/results/pairs.py",
        'holm(pairs.loc[known, "p"], method="holm")[1]',
        'pairs.loc[known, "p"]',
        ("tests/results/test_pairs.py",),
    ),
    Fault(
        "interval-divides-by-n",
        "gaitlib/results/intervals.py",
        "values.mean(), stats.sem(values))",
        "values.mean(), stats.sem(values, ddof=0))",
        ("tests/results/test_intervals.py",),
    ),
    Fault(
        "interval-without-the-person-not-met",
        "gaitlib/results/intervals.py",
        "np.sort(np.append(values, 1.0))",
        "np.sort(np.append(values, np.max(values)))",
        ("tests/results/test_intervals.py",),
    ),
    Fault(
        "labels-of-people-shuffled-among-walks",
        "gaitlib/evaluation/shuffling.py",
        '"walk": table["walk"], "trial": table["trial"]}',
        '"walk": table["walk"], "trial": table["trial"]}\n    units.pop("subject")',
        ("tests/evaluation/test_shuffling.py",),
    ),
    Fault(
        "temperature-fitted-on-test-trials",
        "gaitlib/results/calibration.py",
        '["part"] == "validation"',
        '["part"] == "test"',
        ("tests/results/test_calibration.py",),
    ),
    # -- from recordings to what a model reads ---------------------------------------------------------------
    Fault(
        "uninitialised-memory-accepted",
        "gaitlib/preprocessing/repair.py",
        "((size > 0) & (size < 1e-30)).any(axis=1)",
        "(size < 0).any(axis=1)",
        ("tests/preprocessing/test_repair.py",),
    ),
    Fault(
        "velocity-without-time",
        "gaitlib/preprocessing/skeleton.py",
        "np.gradient(values[i][:, columns], time_s, axis=0, edge_order=2)",
        "np.gradient(values[i][:, columns], axis=0, edge_order=2)",
        ("tests/preprocessing/test_skeleton.py",),
    ),
    Fault(
        "padding-at-the-start",
        "gaitlib/preprocessing/samples.py",
        "out[i, : len(values)] = values",
        "out[i, len(stand_in) - len(values) :] = values",
        ("tests/preprocessing/test_samples.py",),
    ),
    # -- models and training ---------------------------------------------------------------------------------
    Fault(
        "maximum-over-padding-too",
        "gaitlib/models/layers.py",
        "ops.max(ops.where(frame_mask[..., None], x, -1e9), axis=1)",
        "ops.max(x, axis=1)",
        ("tests/models/test_networks.py",),
    ),
    Fault(
        "long-trials-weigh-more",
        "gaitlib/classifier.py",
        "(n_given / n_samples).loc[samples.trial].to_numpy(float)",
        "np.ones(len(samples))",
        ("tests/test_classifier.py",),
    ),
    Fault(
        "mirror-that-swaps-no-sides",
        "gaitlib/training/augment.py",
        "v[:, order] * sign",
        "v * sign",
        ("tests/training/test_loop.py", "tests/test_classifier.py", "tests/perturb/test_recordings.py"),
    ),
    # -- explanations ----------------------------------------------------------------------------------------
    Fault(
        "stabiliser-towards-zero",
        "gaitlib/explain/layerwise/rules.py",
        "return z + epsilon * ops.where",
        "return z - epsilon * ops.where",
        ("tests/explain/layerwise/test_rules.py",),
    ),
    Fault(
        "backward-direction-not-turned",
        "gaitlib/explain/layerwise/recurrent.py",
        "ops.flip(at_states, axis=0) if turned else at_states",
        "at_states",
        ("tests/explain/layerwise/test_recurrent.py",),
    ),
    Fault(
        "least-relevant-deleted-first",
        "gaitlib/perturb/engine.py",
        "np.where(real, -relevance, np.inf)",
        "np.where(real, relevance, np.inf)",
        ("tests/explain/trust/test_sanity.py",),
    ),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="faults, by name; default all")
    parser.add_argument("--tier", help="which tests, as pytest's -m")
    parser.add_argument("--checkout", type=Path, default=Path(__file__).parents[1], help="default this one")
    parser.add_argument("--jobs", type=int, default=1, help="faults at once")
    options = parser.parse_args()
    if unknown := set(options.names) - {fault.name for fault in FAULTS}:
        parser.error(f"no fault {', '.join(sorted(unknown))}; there are {', '.join(fault.name for fault in FAULTS)}")
    chosen = [fault for fault in FAULTS if not options.names or fault.name in options.names]
    for fault in chosen:
        found = (options.checkout / fault.file).read_text().count(fault.old)
        if found != 1:
            parser.error(f"{fault.name}: {fault.file} holds {found} times, not once: {fault.old}")
    n_caught = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(partial(try_out, checkout=options.checkout, tier=options.tier), chosen)
        for fault, (caught, what, seconds) in zip(chosen, results, strict=True):
            n_caught += caught
            print(f"{fault.name:<44} {'caught' if caught else 'NOT CAUGHT':<10} {seconds:4.0f} s  {what}", flush=True)
    print(f"{n_caught} of {len(chosen)} caught")
    return int(n_caught < len(chosen))


def try_out(fault: Fault, checkout: Path, tier: str | None) -> tuple[bool, str, float]:
    """Whether a fault is caught, by which test or why not, and the seconds until then."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve()
        copy_checkout(checkout, copy)
        file = copy / fault.file
        sound = file.read_text()
        file.write_text(sound.replace(fault.old, fault.new))
        start = time.perf_counter()
        failed, told = first_failure(copy, fault.tests, tier)
        seconds = time.perf_counter() - start
        if failed is None:
            return False, told, seconds
        file.write_text(sound)
        if first_failure(copy, [failed], tier)[0] is not None:  # then it tells nothing of the fault
            return False, f"{failed} fails without the fault too", seconds
        return True, failed, seconds


def copy_checkout(checkout: Path, copy: Path) -> None:
    """Everything that is committed or could be."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=checkout, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in names:
        if (checkout / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(checkout / name, copy / name)


def first_failure(copy: Path, tests, tier: str | None) -> tuple[str | None, str]:
    """The first test of a copy that fails, or None; and what pytest says at its end."""
    paths = os.pathsep.join([str(copy), str(copy / "tests")])
    here = {"cwd": copy, "env": os.environ | {"PYTHONPATH": paths}, "capture_output": True, "text": True}
    # The package may be installed from another checkout.
    where = "import importlib.util; print(importlib.util.find_spec('gaitlib').origin)"
    imported = subprocess.run([sys.executable, "-c", where], **here).stdout.strip()
    if Path(imported) != copy / "gaitlib" / "__init__.py":
        raise RuntimeError(f"the tests would run {imported or 'no gaitlib'}, not the copy in {copy}")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    command += ["-o", "addopts=--import-mode=importlib", *(["-m", tier] if tier else []), *tests]
    done = subprocess.run(command, **here)
    if done.returncode not in (0, 1, 5):  # else all passed, one failed, or none is in the tier
        raise RuntimeError(f"pytest cannot run {', '.join(tests)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    failed = re.search(r"^(?:FAILED|ERROR) (.+?::.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return failed and failed[1], done.stdout.strip().rpartition("\n")[2]


if __name__ == "__main__":
    sys.exit(main())
