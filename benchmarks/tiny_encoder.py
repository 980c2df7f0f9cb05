"""Make the encoder that ships with the package, from openly synthetic recordings only, and say how well it does.

Usage: python benchmarks/tiny_encoder.py [FOLDER]
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import gaitlib
from gaitlib import Pretraining
from gaitlib.encoders.ready import SHIPPED
from gaitlib.evaluation import masked_reconstruction
from gaitlib.models import Builder
from gaitlib.recipes import imu_steps

RECORDINGS = {"n_recordings": 1, "seconds": 20.0}
PEOPLE, SEED_OF_PEOPLE = 24, 1717  # in each of the three places
NEW_PEOPLE, SEED_OF_NEW_PEOPLE = 6, 7171
SEED = 0  # of the network
PRETRAINING = Pretraining(epochs=150, batch_size=64, learning_rate=2e-3, held_out=0.1)
LARGEST = 1_000_000  # bytes


def main(folder=SHIPPED) -> None:
    began = time.process_time()
    trials = people(PEOPLE, SEED_OF_PEOPLE)
    steps = [step for _, step in imu_steps()]
    plan = {"steps": steps, "modality": "imu", "pretraining": PRETRAINING, "seed": SEED}
    encoder = gaitlib.pretrain(Builder("masked_autoencoder", preset="tiny"), trials, **plan)
    encoder.save(folder)
    size = sum(file.stat().st_size for file in Path(folder).glob("encoder.*"))
    if size >= LARGEST:
        raise SystemExit(f"{size} bytes: what ships is to be below {LARGEST}")
    print(f"{len(trials)} recordings, {time.process_time() - began:.0f} CPU s, {size} bytes in {folder}")
    print({name: round(values[-1], 3) for name, values in encoder.history_.items()})
    print("people it has never seen:")
    print(masked_reconstruction(encoder, people(NEW_PEOPLE, SEED_OF_NEW_PEOPLE)).round(3).to_string())


def people(n, seed):
    """Recordings whose ids name the seed, as "p01" of another seed is somebody else."""
    trials = gaitlib.synthetic_imu(n, seed=seed, **RECORDINGS)
    ids = {column: trials.table[column].str.replace("/", f"/seed{seed}_") for column in ("trial", "subject", "walk")}
    return replace(trials, table=trials.table.assign(**ids))


if __name__ == "__main__":
    main(*sys.argv[1:])
