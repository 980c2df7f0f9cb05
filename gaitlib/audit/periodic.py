"""Signals so regular that another recording of them may hold the same numbers."""

import numpy as np

LEFT = 0.01  # of the signal, that its last period does not tell
LONGEST = 4096  # frames are looked at


def repeats_itself(values) -> bool:
    """Whether a recording is told within 1 % by what was a period ago.

    A walk is not: steps of one person differ by more. The period is the delay after which the recording is most alike
    itself, once it has been unlike; three frames around it tell each frame by least squares, as periods need not be
    whole frames.

    Parameters
    ----------
    values : ndarray, shape (frames, channels)

    Returns
    -------
    bool

    Examples
    --------
    >>> wave = np.sin(np.arange(200) / 5)[:, None]
    >>> noise = np.random.default_rng(0).normal(size=(200, 1))
    >>> repeats_itself(wave), repeats_itself(wave + 0.1 * noise)
    (True, False)
    """
    x = np.nan_to_num(values[:LONGEST].astype(float), posinf=0, neginf=0)
    x = x - x.mean(axis=0)
    n = len(x)
    delays = np.arange(n // 2 + 1)
    power = np.concatenate([[0], np.cumsum((x**2).sum(axis=1))])
    spectrum = np.square(np.abs(np.fft.rfft(x, 2 * n, axis=0))).sum(axis=1)
    alike = np.fft.irfft(spectrum)[delays]  # autocorrelation
    alike = 2 * alike / np.maximum(power[n - delays] + power[n] - power[delays], 1e-30)
    unlike = np.flatnonzero(alike < 0.5)
    if not len(unlike):
        return False
    period = max(2, unlike[0] + alike[unlike[0] :].argmax())  # the frame around it must not be the one that is told
    then = [x[period + 1 - k : n - k].ravel() for k in (period - 1, period, period + 1)]
    now = x[period + 1 :].ravel()
    then = np.stack(then, axis=1)
    left = now - then @ np.linalg.lstsq(then, now, rcond=None)[0]
    return bool(np.square(left).sum() < LEFT**2 * np.square(now).sum())
