"""Leave-one-subject-out of a small GRU over 12 people: gaitlib against the naive loop, in one run.

The naive loop is what notebooks do: prepare the arrays of a fold, build and compile the network, ``model.fit`` on the
arrays with default settings and threads, predict, go on to the next fold in the same process. Both prepare the trials
by the same steps and train as many epochs with the same batches.
Usage: python benchmarks/leave_one_subject_out.py [N_JOBS]
"""

import sys
import tempfile
import time

import keras
import numpy as np

import gaitlib
from gaitlib.models import Head

EPOCHS, BATCH = 10, 32


def naive(trials) -> float:
    classes, correct = np.array(trials.classes), []
    for subject in sorted(set(trials.subjects)):
        train, test = trials[trials.subjects != subject], trials[trials.subjects == subject]
        steps = gaitlib.recipes.steps_for(train, "sequence").fit(train)
        samples, tested = steps.transform(train), steps.transform(test)
        x, label = samples.inputs["skeleton"], dict(zip(train.ids, train.labels, strict=True))
        y = np.searchsorted(classes, [label[t] for t in samples.trial])
        keras.utils.set_random_seed(0)
        model = gaitlib.models.build(
            "compact_gru", {"skeleton": x.shape[1:]}, heads={"label": Head("class", len(classes))}
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(clipnorm=1.0), loss, metrics=["accuracy"])
        model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
        logits = model.predict(tested.inputs["skeleton"], verbose=0)
        best = [logits[tested.trial == t].mean(axis=0).argmax() for t in test.ids]
        correct.append(np.mean(classes[best] == test.labels))
    return float(np.mean(correct))


def ours(trials, n_jobs) -> float:
    training = gaitlib.Training(epochs=EPOCHS, batch_size=BATCH, schedule=None)
    model = gaitlib.GaitClassifier("compact_gru", training=training)
    with tempfile.TemporaryDirectory() as store:
        runs = gaitlib.benchmark(
            model, trials, [gaitlib.LeaveOneSubjectOut(validation=False)], store, progress=False, n_jobs=n_jobs
        )
        return runs.table()["accuracy"].item()


def main(n_jobs=2):
    trials = gaitlib.synthetic_trials(n_subjects=12, n_walks=5, seed=0)
    seconds = {}
    for name, run in {"naive loop": naive, f"gaitlib, n_jobs={n_jobs}": lambda t: ours(t, n_jobs)}.items():
        start = time.perf_counter()
        accuracy = run(trials)
        seconds[name] = time.perf_counter() - start
        print(f"{name}: {seconds[name]:.1f} s, accuracy {accuracy:.3f}", flush=True)
    plain, own = seconds.values()
    print(f"ratio {own / plain:.2f} ({trials}, {EPOCHS} epochs)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
