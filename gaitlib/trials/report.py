"""What a loader repaired, skipped or ignored: nothing happens in silence."""

import html
from dataclasses import dataclass

import pandas as pd

COUNTS = ("frames_read", "frames_kept", "cut_rows", "garbage", "non_advancing", "minute_wraps", "gaps")
REPAIRED = {  # counted by some layouts, in frames
    "filled": "frames with missing values, filled by a straight line",
    "rounded_times": "repeated times, replaced by those of an even clock",
}
REPAIRS = ("cut_rows", "garbage", "non_advancing", "minute_wraps", *REPAIRED)
KEPT_AS_THEY_ARE = {  # counted by some layouts
    "without_partner": "files without their partner, used alone",
    "spikes": "pressure images with spikes, kept",
    "uncovered": "signals that some windows lack",
    "left_out": "signals of recordings with windows that no signal covers, left out",
    "missing": "signals with missing values, kept as NaN",
    "flat": "signals with flat windows, kept",
    "saturated": "recordings with frames at the end of the sensor's range, kept",
    "dead_gyroscope": "recordings whose gyroscope is dead, without it",
    "converted": "recordings converted to other units",
    "unseen": "clips with frames that do not show the walker, kept as missing",
    "others": "clips with several people, of whom one is kept",
    "nobody": "videos with frames in which nobody was found",
    "cuts": "videos with a cut, of which the longest shot is kept",
    "rotated": "videos turned upright, as their rotation flag says",
    "variable_rate": "videos of a variable frame rate, with the time of each frame",
    "outside": "clips that show the walker partly, with the joints beyond the picture's edges missing",
}


@dataclass(frozen=True, eq=False)
class LoadReport:
    """One row a file, with every repair counted.

    Attributes
    ----------
    files : pandas.DataFrame
        ``file``, ``status`` (ok, repaired, skipped), ``reason`` of a skip, and the counts: frames read and kept,
        last rows dropped because no line end follows them (their last number may be cut),
        garbage frames dropped, frames dropped because time did not advance, minute wraps undone, gaps in time
        (left as they are: velocities divide by the true time step). Layouts with two files a trial add
        ``without_partner`` (1 where the trial's other file is not there) and ``spikes`` (cells of a pressure image
        far above all their neighbours, left as they are). Layouts whose trials are windows of a recording add
        ``rate_hz``, ``windows``, ``uncovered`` (windows that the signal does not cover, which lack it), ``left_out``
        (windows of the recording that no signal covers), ``missing`` (values) and ``flat`` (windows of one value).
        Inertial recordings add ``filled`` (frames with missing values that were filled), ``rounded_times`` (repeated
        times that were replaced), ``saturated`` (frames), ``dead_gyroscope`` and ``converted`` (1 where it is so).
        Clips of pose add ``missing`` (joints that were not found), ``unseen`` (frames within the clip in which the
        walker was not found) and ``others`` (1 where there are several people). Videos add ``nobody`` (frames in which
        nobody was found), ``cuts``, ``rotated`` and ``variable_rate`` (1 where it is so) and ``outside`` (frames in
        which the walker is partly out of the picture).
    ignored : list of str
        Files that do not belong to the layout.
    seconds : float
        Time that parsing took.
    notes : tuple of str
        What is to be said of more than one file.
    """

    files: pd.DataFrame
    ignored: list[str]
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @classmethod
    def from_rows(cls, rows: list[dict], ignored: list[str], seconds: float, notes=()) -> "LoadReport":
        blank = {"file": "", "status": "", "reason": "", **dict.fromkeys(COUNTS, 0)}
        return cls(pd.DataFrame([blank | row for row in rows]), ignored, seconds, tuple(notes))

    def summary(self) -> pd.DataFrame:
        """Totals a person can read: how many files and frames each repair touched."""
        files = self.files
        used = files[files["status"] != "skipped"]
        rows = {
            "files read": (len(files), files["frames_read"].sum()),
            "files used": (len(used), used["frames_kept"].sum()),
            "files skipped": ((files["status"] == "skipped").sum(), 0),
            "cut last rows dropped": ((files["cut_rows"] > 0).sum(), files["cut_rows"].sum()),
            "garbage frames dropped": ((files["garbage"] > 0).sum(), files["garbage"].sum()),
            "non-advancing frames dropped": ((files["non_advancing"] > 0).sum(), files["non_advancing"].sum()),
            "minute wraps undone": ((files["minute_wraps"] > 0).sum(), files["minute_wraps"].sum()),
            "gaps kept, with their true time": ((files["gaps"] > 0).sum(), files["gaps"].sum()),
            **{
                words: ((files[count] > 0).sum(), files[count].sum())
                for count, words in REPAIRED.items()
                if count in files
            },
            **{words: ((files[count] > 0).sum(), 0) for count, words in KEPT_AS_THEY_ARE.items() if count in files},
            "files ignored (not of this layout)": (len(self.ignored), 0),
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=["files", "frames"])

    def skipped(self) -> pd.DataFrame:
        """The files that were left out, and why."""
        return self.files.loc[self.files["status"] == "skipped", ["file", "reason"]]

    def __repr__(self) -> str:
        return "\n".join([self.summary().to_string(), *self.notes])

    def _repr_html_(self) -> str:
        return self.summary().to_html() + "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)

    def to_dict(self) -> dict:
        columns = {name: column.tolist() for name, column in self.files.items()}
        return {"files": columns, "ignored": self.ignored, "seconds": self.seconds, "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, data: dict) -> "LoadReport":
        return cls(pd.DataFrame(data["files"]), data["ignored"], data["seconds"], tuple(data.get("notes", ())))
