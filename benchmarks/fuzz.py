"""Thousands of damaged files for everything that reads: no error but GaitDataError, and nothing wrong in silence.

Each target makes small files; each of its inputs is one of them changed in one way (bits, bytes, chunks, cells, JSON
fields, members of an archive, the whole file) and read. It ends well if the file reads as valid data or is refused with
a GaitDataError; a stored run only if its table is the original's, or something is said. It ends badly with any other
error, a dead process, over 20 seconds, over 2 GB, values that are not finite, or another table in silence. Where a
damaged recording still reads as numbers, nobody can know that these were others.

An input follows from the target's name and its number alone. Linux only; exits with 1 where something ended badly.

Usage: python benchmarks/fuzz.py [--inputs 10000] [TARGET ...]
       python benchmarks/fuzz.py --number 389 TARGET           # one input again, with its error
"""

import argparse
import io
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import savemat

import gaitlib
from gaitlib import GaitClassifier, GaitDataError, LeaveOneSubjectOut, TrialSet
from gaitlib.classifier_file import CONTENTS_FILE
from gaitlib.datasets import write_azure_pressure, write_imu
from gaitlib.datasets.clinical_grf import FILE_CHANNELS
from gaitlib.datasets.gait_signature import FEATURES, N_CHANNELS
from gaitlib.evaluation.fold import FoldOutcome
from gaitlib.evaluation.store import RunStore
from gaitlib.models import Builder
from gaitlib.results.stored import About

LONGEST_S = 20  # an input
MOST_BYTES = 2 * 2**30  # of memory, beside what is there before
TOKENS = (
    b"", b"0", b"-1", b"1e999", b"-1e308", b"nan", b"inf", b"null", b"true", b'"x"', b"[]", b"{}", b"[" * 3000,
    b"9" * 5000, b"\0", b"\xff\xfe", b"1,5", b"2147483647", b"4294967295", b"../../x", b"\n", b"\r", b"\t", b",", b'"',
)  # fmt: skip
VALUES = (None, True, -1, 0, 2**62, 1e308, float("nan"), "", "x", [], {}, [[]], "../x", [1, "a"])


class Hang(BaseException):
    """An input took too long."""


# -- changes ---------------------------------------------------------------------------------------------------


def flip_bits(content, rng):
    changed = bytearray(content)
    for place in rng.integers(len(changed), size=rng.integers(1, 9)):
        changed[place] ^= 1 << rng.integers(8)
    return bytes(changed)


def set_bytes(content, rng):
    changed = bytearray(content)
    place = rng.integers(len(changed))
    changed[place : place + 4] = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\1\0\0\0", b"\0"])
    return bytes(changed)


def move_chunk(content, rng):
    """Cut, doubled, or put elsewhere."""
    start, length, to = (
        rng.integers(len(content)),
        rng.integers(1, max(2, len(content) // 4)),
        rng.integers(len(content)),
    )
    chunk = content[start : start + length]
    match rng.integers(4):
        case 0:
            return content[:start]
        case 1:
            return content[:start] + content[start + length :]
        case 2:
            return content[:to] + chunk + content[to:]
    return content[:to] + chunk + content[to + len(chunk) :]


def put_token(content, rng):
    start, token = rng.integers(len(content)), TOKENS[rng.integers(len(TOKENS))]
    return content[:start] + token + content[start + rng.integers(2) * len(token) :]


def change_cell(content, rng):
    """A cell, a row or a column of a table of text."""
    rows = [line.split(b"\t" if b"\t" in line else b",") for line in content.split(b"\n")]
    r = rng.integers(len(rows))
    c = rng.integers(len(rows[r]))
    match rng.integers(5):
        case 0:
            rows[r][c] = TOKENS[rng.integers(len(TOKENS))]
        case 1:
            rows[r][c] = rows[rng.integers(len(rows))][0]
        case 2:
            rows.insert(rng.integers(len(rows)), rows[r])
        case 3:
            del rows[r]
        case 4:
            rows = [row[:c] + row[c + 1 :] for row in rows]
    return b"\n".join((b"\t" if b"\t" in content else b",").join(row) for row in rows)


def change_json(content, rng):
    """A node somewhere in JSON: another value, gone, doubled, or wrapped."""
    whole = {"": json.loads(content)}
    parent, key = whole, ""
    while isinstance(parent[key], (dict, list)) and parent[key] and rng.random() < 0.8:
        parent = parent[key]
        key = list(parent)[rng.integers(len(parent))] if isinstance(parent, dict) else int(rng.integers(len(parent)))
    match rng.integers(4):
        case 0 | 1:
            parent[key] = VALUES[rng.integers(len(VALUES))]
        case 2 if key != "":
            del parent[key]
        case _:
            parent[key] = [parent[key]]
    return json.dumps(whole.get("")).encode()


def change_member(content, rng):
    """A file in an archive, whose checksums are right again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = list(members)[rng.integers(len(members))]
    if rng.integers(20) == 0:
        del members[name]
    elif members[name]:
        members[name] = BYTES[rng.integers(len(BYTES))](members[name], rng)
        if b"meta" in name.encode() and rng.integers(2):
            members[name] = json_in_array(archive_member=zipfile.ZipFile(io.BytesIO(content)).read(name), rng=rng)
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return changed.getvalue()


def json_in_array(archive_member, rng):
    """The table and names of a TrialSet, which are JSON in an array of bytes."""
    text = change_json(np.load(io.BytesIO(archive_member)).tobytes(), rng)
    member = io.BytesIO()
    np.save(member, np.frombuffer(text, np.uint8))
    return member.getvalue()


def misplace(file, files, rng):
    """Gone, a folder, or the file of that name from another place."""
    others = [other for other in files if other.name == file.name]
    content = others[rng.integers(len(others))].read_bytes()
    file.unlink()
    match rng.integers(3):
        case 1:
            file.mkdir()
        case 2:
            file.write_bytes(content)


BYTES = (flip_bits, set_bytes, move_chunk, put_token)
CHANGES = {
    ".csv": (*BYTES, change_cell, change_cell),
    ".json": (*BYTES, change_json, change_json, change_json, change_json),
}
CHANGES |= {".npz": (*BYTES, change_member, change_member, change_member), ".mat": BYTES}


# -- targets: files are made in a folder, read() reads them and raises or complains ---------------------------------


def check_trials(trials):
    assert len(trials) == len(trials.table) > 0
    for name, modality in trials.modalities.items():
        assert len(modality.values) == len(trials), name
        for values in modality.values:
            assert values is None or values.shape[-1] == len(modality.channels), name
            assert values is None or name == "imu" or np.isfinite(values).all(), name  # a TrialSet may lack values
    trials.digest()
    str(trials.report)


class Recordings:
    """Recordings in a published layout."""

    def __init__(self, write):
        self.write = write

    def make(self, folder):
        self.write(folder)
        self.read(folder)

    def read(self, folder):
        check_trials(gaitlib.load_trials(folder, use_cache=False))


def kinect(folder):
    rng = np.random.default_rng(0)
    body = rng.normal(0, 0.3, (25, 3)) + [0, 3, 1]
    rows = []
    for t in range(12):
        cells = [f"{10 + t / 30:.3f}"]
        for joint, xyz in enumerate(body + 0.02 * t + rng.normal(0, 0.005, (25, 3))):
            cells += [f"{joint}.0", *(f"{v:.4f}" for v in xyz)]
        rows.append("\t".join(cells) + "\n")
    (folder / "human1_normal1").mkdir()
    (folder / "human1_normal1" / "human1_normal1_SkeletonData1.csv").write_text("".join(rows))


def azure(folder):
    trials = gaitlib.synthetic_trials(n_subjects=1, n_walks=1)[:1]
    skeleton = trials.modality("skeleton").select_frames([slice(0, 12)])
    modalities = trials.modalities | {"skeleton": skeleton}
    write_azure_pressure(TrialSet(trials.table, modalities, trials.name), folder)
    (folder / "SYNTHETIC.txt").unlink()


def clinical(folder, packed=False):
    stance = np.linspace(0, np.pi, 101)
    foot = [0.05 * np.sin(stance), -0.2 * np.sin(2 * stance), np.sin(stance)]
    variables = {
        "Feature": np.array([foot * 2, foot * 2]) * np.array([1, 1.1])[:, None, None],
        "Feature_GRF_AV_Label": np.array(FILE_CHANNELS, dtype=object).reshape(1, 1, 6),
        "Target_Injury": np.eye(4, dtype="uint8")[:2],
        "Target_Subject": np.eye(2, dtype="uint8"),
    }
    savemat(folder / "small_aff-unaff-nonorm_1-2_.mat", variables, do_compression=packed)


def signature(folder):
    variables = {"Target_SubjectID": np.eye(2, dtype="uint8"), "Target_Gender": np.eye(2, dtype="uint8")[:, :1]}
    for modality in ("grf", "joint_angles_lower_flexion"):
        feature, n = FEATURES[modality], N_CHANNELS[modality]
        variables[feature] = np.random.default_rng(n).normal(size=(2, 101, n)).astype("float32")
        variables[f"{feature}_Label"] = np.array([f"Left knee ({c})" for c in range(n)], dtype=object)
    savemat(folder / "Gait_GRF_JA_Label.mat", variables)


def imu(folder):
    """Two people of one set, a second to each file, and their labels."""
    trials = gaitlib.synthetic_imu(2, ["synthetic_wrist"], ["walking", "running"], 1, seconds=1)
    for mark in write_imu(trials, folder).rglob("SYNTHETIC.txt"):
        mark.unlink()


def few_trials():
    values = {f"s{s}": np.random.default_rng(s).normal(size=(12, 3)) for s in range(4)}
    arrays = [values[f"s{s}"] + (k % 2) for s in range(4) for k in range(4)]
    return TrialSet.from_arrays(
        {"imu": arrays},
        channels={"imu": ["x", "y", "z"]},
        rate_hz={"imu": 50.0},
        subject=[f"s{s}" for s in range(4) for _ in range(4)],
        label=["normal", "limp"] * 8,
    )


class Trials:
    """A TrialSet in a file of our own."""

    def make(self, folder):
        few_trials().save(folder / "trials.npz")
        self.read(folder)

    def read(self, folder):
        check_trials(TrialSet.load(folder / "trials.npz"))


class Store:
    """A stored run: what changed must be told, and all that is left must be readable."""

    def make(self, folder):
        trials, protocol = few_trials()[:8], LeaveOneSubjectOut(validation=False)
        about, folds = About.of(trials), protocol.folds(trials)
        run = {
            "model": "planted",
            "what": "",
            "protocol": protocol.name,
            "claim": {"words": "a new person", "disjoint": ["subject"]},
        }
        run |= {"data": vars(about), "folds": [fold.name for fold in folds], "heads": ["label", "speed"]}
        store = RunStore(folder, "planted-run", "0123456789abcdef", {"seed": 0}, run)
        costs = {"seconds": 1.0, "peak_memory_mb": 1.0, "cpu_percent": 1.0, "threads": 1, "parameters": 1, "epochs": 1}
        for fold in folds:
            table = trials.table.iloc[fold.test][["trial", "subject", "walk", "label"]].assign(part="test")
            limp = np.linspace(0.2, 0.7, len(table))
            table = table.assign(predicted=np.where(limp > 0.5, "limp", "normal"), limp=limp, normal=1 - limp)
            learnt = {"fitted_on": trials.ids[fold.train].tolist(), "watched": [], "steps": []}
            arrays = io.BytesIO()
            np.savez(arrays, a0=np.arange(9))
            files = {"classifier.json": b'{"planted": 1}', "classifier.npz": arrays.getvalue()}
            speed = table[["trial", "subject", "walk", "part"]].assign(label=1.25, predicted=limp)
            heads = {"label": ("class", table), "speed": ("continuous", speed)}
            store.write(fold.name, FoldOutcome(heads, {"loss": [1.0, 0.5]}, costs, learnt, files))
        store.keep_audit({"data": about.name, "findings": []})
        self.whole, told = self._told(folder)
        assert not told

    def _told(self, folder):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            runs = gaitlib.open_runs(folder)
            audit = runs.audit().table()
            speeds = runs.predictions(head="speed")
        return (runs.predictions(), speeds, audit, runs.runs[0].description, runs), told

    def read(self, folder):
        (*found, runs), told = self._told(folder)
        unseen = "unseen" in found[2]["verdict"].tolist()
        for now, before in zip(found, self.whole, strict=False):
            same = now.equals(before) if isinstance(now, pd.DataFrame) else now == before
            assert same or told or unseen, "another table, and nothing said"
        runs.failures()
        self.count = getattr(self, "count", 0) + 1
        if self.count % 20 == 0:  # it takes its time
            runs.table()


class Classifier:
    """A saved classifier of each kind that is quick to load: it predicts, or is refused.

    Without its checksums, as a stranger could write it: they would refuse nearly all before anything else is asked.
    """

    def __init__(self, model, **parameters):
        self.model = Builder(model, **parameters)

    def make(self, folder):
        self.trials = few_trials()
        GaitClassifier(self.model).fit(self.trials).save(folder)
        (folder / CONTENTS_FILE).unlink()
        self.read(folder)

    def read(self, folder):
        model = GaitClassifier.load(folder)
        proba = model.predict_proba(self.trials)
        assert proba.shape == (16, len(model.classes_)) and np.isfinite(proba).all()


class SavedEncoder:
    """A small encoder: it is loaded with a network that its weights fit, or refused."""

    def make(self, folder):
        self.trials = few_trials()
        model = Builder("masked_autoencoder", preset="tiny", patch=4, width=8, depth=1, n_heads=2)
        settings = gaitlib.Pretraining(epochs=1, batch_size=8)
        gaitlib.pretrain(model, self.trials, steps=[], frames=12, pretraining=settings).save(folder)
        self.read(folder)

    def read(self, folder):
        encoder = gaitlib.Encoder.load(folder)
        assert all(np.isfinite(w).all() for w in encoder.weights_)
        assert np.isfinite(encoder.windows(self.trials).modality("imu").values[0]).all()


TARGETS = {
    "kinect": Recordings(kinect),
    "azure": Recordings(azure),
    "clinical": Recordings(clinical),
    "clinical, packed": Recordings(lambda folder: clinical(folder, packed=True)),
    "signature": Recordings(signature),
    "imu": Recordings(imu),
    "trials": Trials(),
    "store": Store(),
    "trees": Classifier("extra_trees", n_estimators=2),
    "svm": Classifier("linear_svm"),
    "encoder": SavedEncoder(),
}


# -- running -------------------------------------------------------------------------------------------------------


def fuzz(name, numbers, last, show=False):
    """Read each input; returns how many were refused, those that ended badly, seconds, and MB of memory at most.

    The number of the input at work stands in the file ``last``, to be read where this process dies.
    """
    target, start, refused, bad = TARGETS[name], time.perf_counter(), 0, []
    before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (before + MOST_BYTES, resource.RLIM_INFINITY))
    signal.signal(signal.SIGALRM, _hang)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, np.errstate(all="ignore"):
        folder = Path(folder)
        target.make(folder)
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        for number in numbers:
            rng = np.random.default_rng([number, *name.encode()])
            file = files[rng.integers(len(files))]
            whole, changes = file.read_bytes(), CHANGES[file.suffix]
            if rng.integers(10) == 0:
                misplace(file, files, rng)
            else:
                file.write_bytes(changes[rng.integers(len(changes))](whole, rng))
            last.write_text(str(number))
            signal.alarm(LONGEST_S)
            try:
                target.read(folder)
            except GaitDataError:
                refused += 1
            except (Exception, Hang) as error:
                bad.append((number, file.name, f"{type(error).__name__}: {str(error)[:150]}"))
                if show:
                    traceback.print_exc()
            signal.alarm(0)
            if file.is_dir():
                file.rmdir()
            file.write_bytes(whole)
    return refused, bad, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _hang(*_):
    raise Hang(f"over {LONGEST_S} s")


def fuzz_apart(name, numbers):
    """The same in a process of its own; says what came of it, and returns how many ended badly."""
    with tempfile.NamedTemporaryFile() as last, ProcessPoolExecutor(1, get_context("fork")) as pool:
        try:
            refused, bad, seconds, peak = pool.submit(fuzz, name, numbers, Path(last.name)).result()
        except BrokenProcessPool:
            return f"{name}: input {Path(last.name).read_text()} ended the process", 1
    lines = [
        f"{name}: inputs 0 to {numbers[-1]}, {refused} refused, {len(bad)} bad; {seconds:.1f} s, {peak} MB at most"
    ]
    for kind in dict.fromkeys(what for *_, what in bad):
        alike = [(number, file) for number, file, what in bad if what == kind]
        lines.append(f"    {len(alike)} times, the first is input {alike[0][0]} ({alike[0][1]}): {kind}")
    return "\n".join(lines), len(bad)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all where none is given"
    )
    parser.add_argument("--inputs", type=int, default=10_000, help="of all targets together")
    parser.add_argument("--number", type=int)
    asked = parser.parse_args()
    names, bad = asked.targets or list(TARGETS), 0
    if asked.number is not None:
        print(fuzz(names[0], [asked.number], Path(os.devnull), show=True))
        return
    numbers = range(-(-asked.inputs // len(names)))
    with ThreadPoolExecutor(2) as pool:
        for told, count in pool.map(fuzz_apart, names, [numbers] * len(names)):
            print(told, flush=True)
            bad += count
    print(f"{len(names) * len(numbers)} inputs, {bad} ended badly")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
