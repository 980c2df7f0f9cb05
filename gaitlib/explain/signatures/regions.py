"""Regions under the foot, on the image that two footprints leave on a plate.

References
----------
Otsu N. (1979). A threshold selection method from gray-level histograms. IEEE Transactions on Systems, Man, and
Cybernetics 9, 62-66. https://doi.org/10.1109/TSMC.1979.4310076
Cavanagh P. R., Rodgers M. M. (1987). The arch index: a useful measure from footprints. Journal of Biomechanics 20,
547-551. https://doi.org/10.1016/0021-9290(87)90255-7
"""

import numpy as np
from scipy.ndimage import median_filter

REGIONS = tuple((side, region) for side in ("left", "right") for region in ("heel", "midfoot", "forefoot"))
FOOT_SHARE = 0.98  # of a footprint's load lies between its ends


def foot_regions(image) -> np.ndarray:
    """The region of every row of a pressure image: a number into ``REGIONS``.

    Two footprints lie one behind the other along the rows. They are parted at the row that separates the load best
    (Otsu 1979: the largest variance between both parts); the one whose centre lies in lower columns is the left foot. A
    footprint is cut in three parts of equal length, of which the first in walking direction is the heel; toes belong to
    the forefoot, which in Cavanagh and Rodgers (1987) they do not.

    This is no anatomical mask: a foot that is cut off by the edge of the plate, or that does not touch with its heel,
    has its thirds in the wrong place; a single footprint is taken for two; crossed feet change sides.

    Parameters
    ----------
    image : ndarray (rows, columns)
        Row 0 is walked over first, column 0 lies to the left.

    Returns
    -------
    ndarray of int (rows,), or None where nobody stood

    Examples
    --------
    >>> image = np.zeros((20, 8))
    >>> image[1:7, 0:3], image[12:18, 5:8] = 1, 1
    >>> foot_regions(image).tolist()
    [0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5]
    """
    image = median_filter(image, 3)  # isolated spikes would make a foot longer
    load = image.sum(axis=1, dtype=float)
    rows = np.arange(len(load))
    if not load.sum() > 0:
        return None
    behind, moment = np.cumsum(load)[:-1] / load.sum(), np.cumsum(load * rows)[:-1] / load.sum()
    mean = (load * rows).sum() / load.sum()
    inside = behind * (1 - behind)
    between = np.divide((mean * behind - moment) ** 2, inside, out=np.zeros_like(inside), where=inside > 1e-9)
    # Empty rows between the prints part them equally well: take the middle one.
    cut = 1 + int(np.flatnonzero(between >= between.max() * (1 - 1e-9)).mean())
    feet = (rows < cut, rows >= cut)
    centre = [np.average(np.arange(image.shape[1]), weights=image[foot].sum(axis=0) + 1e-12) for foot in feet]
    region = np.empty(len(load), int)
    for foot, is_right in zip(feet, np.argsort(np.argsort(centre, kind="stable")), strict=True):
        share = np.cumsum(load[foot]) / max(load[foot].sum(), 1e-12)
        first, last = np.searchsorted(share, [(1 - FOOT_SHARE) / 2, (1 + FOOT_SHARE) / 2])
        third = 3 * (np.arange(foot.sum()) - first) / (last + 1 - first)
        region[foot] = 3 * is_right + np.clip(np.floor(third), 0, 2)
    return region


def region_sums(image, values) -> np.ndarray | None:
    """Values (rows, columns) summed over the regions of an image, (6,); None where nobody stood."""
    region = foot_regions(image)
    return None if region is None else np.bincount(region, values.sum(axis=1, dtype=float), minlength=len(REGIONS))
