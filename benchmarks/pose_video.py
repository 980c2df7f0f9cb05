"""What the pose of a video costs: CPU seconds a frame of reading, of finding people, and of all.

At least ten frames of 1920 x 1080 are expected in a second of one core.

Usage: python benchmarks/pose_video.py VIDEO WEIGHTS [PEOPLE]
"""

import sys
import time
from pathlib import Path

import pandas as pd

import gaitlib
from gaitlib.datasets.tools.landmarker import find_people
from gaitlib.datasets.tools.video_frames import Video


def main(path, weights, n_people=2):
    path, weights = Path(path), Path(weights)
    find_people(path, weights, 1, progress=False)  # imports and first use
    video, began = Video(path), time.process_time()
    n_frames = sum(1 for _ in video.frames())
    read = time.process_time() - began
    began = time.process_time()
    find_people(path, weights, int(n_people), progress=False)
    people = time.process_time() - began - read
    began = time.process_time()
    gaitlib.pose_from_video(path, weights, n_people=int(n_people), progress=False, use_cache=False)
    seconds = {"reading": read, "finding people": people, "pose_from_video": time.process_time() - began}
    table = pd.DataFrame({"CPU seconds": seconds})
    table["ms a frame"] = 1000 * table["CPU seconds"] / n_frames
    table["frames a second of one core"] = n_frames / table["CPU seconds"]
    print(f"{path.name}: {n_frames} frames of {' x '.join(map(str, video.size_px))}, up to {n_people} people")
    print(table.round(1).to_string())


if __name__ == "__main__":
    main(*sys.argv[1:])
