"""Accuracy over how much of what a model reads is changed."""

import matplotlib.pyplot as plt

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import PALETTE, label, style

COLUMNS = 2
LINES = ("-", "--", ":", "-.")


def perturbation_curves(curves, protocol: str | None = None):
    """Accuracy against the share of changed values, a line a model, its AOPC in the legend; a panel a noise and order.

    Parameters
    ----------
    curves : pandas.DataFrame
        From :func:`gaitlib.perturb.perturbation_curves`; several may stand in one table.
    protocol : str, optional
        Default the first.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If there is no such protocol.
    """
    protocol = protocol or curves["protocol"].iloc[0]
    own = curves[curves["protocol"] == protocol]
    if own.empty:
        raise GaitDataError(f"no protocol '{protocol}' here; there are {sorted(set(curves['protocol']))}")
    panels = list(own.groupby(["noise", "order"], sort=False))
    models = own["model"].unique()
    looks = {m: {"color": PALETTE[i % len(PALETTE)], "linestyle": LINES[i // len(PALETTE) % len(LINES)]}
             for i, m in enumerate(models)}  # fmt: skip
    n_columns = min(COLUMNS, len(panels))
    n_rows = -(-len(panels) // n_columns)
    with style():
        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=(2 + 6 * n_columns, 1.2 + 3.8 * n_rows), sharey=True, squeeze=False
        )
        for axis, ((noise, order), panel) in zip(axes.flat, panels, strict=False):
            _panel(axis, panel, looks)
            axis.set(xlim=(0, 50), ylim=(0, 1.02), xlabel="values changed (%)", title=f"{noise}; {order} order")
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        for axis in axes[:, 0]:
            axis.set_ylabel("accuracy")
        data, claim, n = own["data"].iloc[0], own["claim"].iloc[0], own["subject"].nunique()
        figure.suptitle(
            f"{data}\n{protocol}\n{claim}: {n} test subjects\n"
            "accuracy while values are changed; bands: 95 % interval over subjects, dotted: chance",
            x=0.01,
            ha="left",
        )
    return figure


def _panel(axis, panel, looks):
    from gaitlib.perturb.values import aopc  # late: drawing needs no deep-learning backend
    from gaitlib.results.scores import share_interval

    axis.axhline(panel["chance"].iloc[0], color="0.6", linewidth=1, linestyle=":")
    for model, own in panel.groupby("model", sort=False):
        by_percent = own.groupby("percent")["accuracy"]
        mean, band = by_percent.mean(), by_percent.apply(share_interval)
        low, high = zip(*band, strict=True)
        axis.fill_between(mean.index, low, high, color=looks[model]["color"], alpha=0.08, linewidth=0)
        axis.plot(mean.index, mean, **looks[model], label=f"{aopc(mean):.1f}  {label(model)}")
    axis.legend(title="AOPC", alignment="left", fontsize=8, title_fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
