"""What all curves over changed values share: values that are real, side by side, ranked, and changed in that order."""

import numpy as np

from gaitlib.preprocessing.samples import STAND_IN_FRAME


def real_values(x, lengths=None) -> np.ndarray:
    """Which values of the samples are no padding, bool, of the shape of x.

    Parameters
    ----------
    x : ndarray (n, frames, channels, ...), or (n, channels)
    lengths : sequence of int (n,), optional
        How many of each sample's frames (rows, channels) were recorded. Where nobody knows, the all-zero frames at the
        end are the padding. The rows of zeros at the end of an image are left out likewise: nothing was pressed there.
        Of (n, channels) all is real.

    Examples
    --------
    >>> x = np.array([[[0.0], [2.0], [0.0]]])
    >>> real_values(x)[0, :, 0].tolist(), real_values(x, [1])[0, :, 0].tolist()
    ([True, True, False], [True, False, False])
    """
    if lengths is not None:
        real = np.arange(x.shape[1]) < np.asarray(lengths)[:, None]
    elif x.ndim < 3:
        return np.ones(x.shape, dtype=bool)
    else:
        filled = (x != 0).any(axis=tuple(range(2, x.ndim)))
        real = np.maximum.accumulate(filled[:, ::-1], axis=1)[:, ::-1]
    return np.broadcast_to(real.reshape(*real.shape, *[1] * (x.ndim - 2)), x.shape)


def recorded_values(prepared, samples) -> dict[str, np.ndarray]:
    """Which values of each input were recorded: no padding, and no stand-in of a modality that a trial lacks.

    Parameters
    ----------
    prepared : TrialSet
    samples : Samples
        Both from :meth:`gaitlib.GaitClassifier.prepare`.
    """
    real = {}
    for name, x in samples.inputs.items():
        m = prepared.modalities.get(name)
        real[name] = real_values(x, None if m is None else [0 if v is None else len(v) for v in m.values])
    return real


def neutral(x) -> np.ndarray:
    """What stands for nothing, float32: zero, the average frame after ``StandardScaler``; a hair more on real frames.

    A real frame of zeros would pass for padding, and the sequence would be shorter.
    """
    return np.where(real_values(x), STAND_IN_FRAME if x.ndim > 2 else 0, 0).astype(np.float32)


def side_by_side(inputs) -> np.ndarray:
    """All values of each sample in one row, (n, n_values), from a dict of arrays (n, ...)."""
    return np.concatenate([x.reshape(len(x), -1) for x in inputs.values()], axis=1)


def back_to_inputs(values, like) -> dict[str, np.ndarray]:
    """What :func:`side_by_side` put together, as inputs again.

    Parameters
    ----------
    values : ndarray (..., n_values)
        Of any number of samples, which all follow each other in the result.
    like : dict of str to ndarray (n, ...)
        The inputs that they were.

    Examples
    --------
    >>> inputs = {"grf": np.ones((2, 3, 1)), "age": np.zeros((2, 1))}
    >>> {name: x.shape for name, x in back_to_inputs(np.ones((5, 2, 4)), inputs).items()}
    {'grf': (10, 3, 1), 'age': (10, 1)}
    """
    ends = np.cumsum([x[0].size for x in like.values()])[:-1]
    parts = zip(like.items(), np.split(values, ends, axis=-1), strict=True)
    return {name: own.reshape(-1, *x.shape[1:]) for (name, x), own in parts}


def places(relevance, real, rng) -> np.ndarray:
    """The place of every value in its sample's order, from 0: the most relevant first, equal ones at random.

    Parameters
    ----------
    relevance : ndarray (n, n_values)
    real : ndarray of bool (n, n_values)
        All others come last.
    rng : numpy.random.Generator
    """
    later = np.where(real, -relevance, np.inf)
    return np.lexsort((rng.random(real.shape), later), axis=1).argsort(axis=1)


def changed_step_by_step(start, end, place, real, shares, parts=None):
    """Samples on their way from one state to another, as the first values in an order change, then more of them.

    Parameters
    ----------
    start, end : ndarray (n, n_values)
    place : ndarray of int (n, n_values)
        From :func:`places`.
    real : ndarray of bool (n, n_values)
    shares : sequence of float
        Of the real values of each sample, that are changed.
    parts : int, optional
        How many arrays to make of it, to save memory; default one a share.

    Yields
    ------
    ndarray (n_shares, n, n_values)
        Of as many shares as come next.
    """
    n_changed = np.rint(np.asarray(shares)[:, None, None] * real.sum(axis=1, keepdims=True))
    for some in np.array_split(n_changed, min(len(shares), parts or len(shares))):
        yield np.where(place < some, end, start)
