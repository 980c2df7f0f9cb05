"""New trials as the learnt ones were: channels in their order, the same kinds, units and rates, or a refusal."""

from dataclasses import replace

import numpy as np

from gaitlib.errors import GaitDataError

RATE_TOLERANCE = 1.2  # how far beyond the learnt rates a trial may be recorded, as a factor


def recorded(trials) -> dict[str, dict]:
    """What must be the same at prediction: kind, channels and unit of every modality, slowest and fastest rate (Hz)."""
    return {
        name: {"kind": m.kind, "channels": list(m.channels), "unit": m.unit, "rates_hz": _range(_rates_hz(m))}
        for name, m in trials.modalities.items()
    }


def is_recorded(value) -> bool:
    """Whether something is what :func:`recorded` gives, as read from a file."""

    def one(m):
        rates = m["rates_hz"]
        return (
            set(m) == {"kind", "channels", "unit", "rates_hz"}
            and all(isinstance(text, str) for text in (m["kind"], m["unit"], *m["channels"]))
            and (rates is None or (len(rates) == 2 and 0 < rates[0] <= rates[1]))
        )

    return isinstance(value, dict) and all(isinstance(name, str) and one(m) for name, m in value.items())


def aligned(trials, learnt):
    """Trials with the modalities and the order of channels that were learnt.

    Parameters
    ----------
    trials : TrialSet
    learnt : dict
        From :func:`recorded`. A rate range of None is not compared.

    Returns
    -------
    TrialSet
        Without modalities that were not learnt. One that these trials lack stays away: the steps that need it say so.

    Raises
    ------
    GaitDataError
        If a modality has another kind or unit, other channels, or a trial was recorded at another rate.
    """
    modalities = {}
    for name, then in learnt.items():
        if name not in trials.modalities:
            continue
        m = trials.modalities[name]
        for what in ("kind", "unit"):
            now = getattr(m, what)
            if now != then[what] and (what == "kind" or (now and then[what])):
                raise GaitDataError(f"modality '{name}' has the {what} '{now}', the training trials '{then[what]}'")
        if list(m.channels) != then["channels"]:
            m = _in_order(name, m, then["channels"])
        _same_rate(trials, name, m, then["rates_hz"])
        modalities[name] = m
    return replace(trials, modalities=modalities)


def of_any_rate(learnt, steps) -> dict[str, dict]:
    """What was :func:`recorded`, without the rates of what a step brings to one length or rate, or reads in seconds."""
    at_any_rate = [step for step in steps if getattr(step, "at_any_rate", False)]
    free = {name for step in at_any_rate for name in getattr(step, "sensors", None) or [step.modality]}
    return {name: one | {"rates_hz": None} if name in free else one for name, one in learnt.items()}


def _in_order(name, m, channels):
    if sorted(m.channels) != sorted(channels):
        lacking, new = (
            ", ".join(sorted(set(a) - set(b))[:3]) for a, b in ((channels, m.channels), (m.channels, channels))
        )
        raise GaitDataError(
            f"modality '{name}' has other channels than the training trials: "
            f"{f'{lacking} missing' * bool(lacking)}{' and ' * bool(lacking and new)}{f'{new} new' * bool(new)}"
        )
    order = [m.channels.index(c) for c in channels]
    return m.map(lambda v: v[..., order], channels=channels)


def _same_rate(trials, name, m, rates_hz) -> None:
    now = _rates_hz(m)
    if rates_hz is None:
        return
    slowest, fastest = rates_hz
    other = (now < slowest / RATE_TOLERANCE) | (now > fastest * RATE_TOLERANCE)
    if other.any():
        i = np.flatnonzero(other)[0]
        known = f"{slowest:g}" if np.isclose(slowest, fastest, rtol=0.01) else f"{slowest:.3g} to {fastest:.3g}"
        raise GaitDataError(
            f"{trials.ids[i]}, '{name}': recorded at {now[i]:.3g} Hz, the training trials at {known} Hz; what was "
            "learnt counts in frames: bring all to one rate before"
        )


def _rates_hz(m) -> np.ndarray:
    """Median frame rate of every trial, NaN where it is not known."""
    times = [None] * len(m.values) if m.time_s is None else m.time_s
    known = [t is not None and len(t) > 1 for t in times]
    return np.array([1 / np.median(np.diff(t)) if k else np.nan for k, t in zip(known, times, strict=True)])


def _range(rates_hz) -> list[float] | None:
    return None if np.isnan(rates_hz).all() else [float(np.nanmin(rates_hz)), float(np.nanmax(rates_hz))]
