"""Accuracy over how much of what a model reads is changed."""

from gaitlib.plots.curves import curve_panels, draw_curve, of_protocol
from gaitlib.plots.house_style import PALETTE, label, style

LINES = ("-", "--", ":", "-.")


def perturbation_curves(table, areas, protocol: str | None = None):
    """Accuracy against the share of changed values, a line a model, its AOPC in the legend; a panel a noise and order.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`gaitlib.perturb.perturbation_table`.
    areas : pandas.DataFrame
        From :func:`gaitlib.perturb.aopc_table`, of the same curves.
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
    own = of_protocol(table, protocol)
    first = own.iloc[0]
    aopc = of_protocol(areas, first["protocol"]).set_index(["noise", "order", "model"])["AOPC"]
    panels = list(own.groupby(["noise", "order"], sort=False))
    looks = {
        model: {"color": PALETTE[i % len(PALETTE)], "line": LINES[i // len(PALETTE) % len(LINES)]}
        for i, model in enumerate(own["model"].unique())
    }
    with style():
        figure, axes = curve_panels(len(panels), 2, (6, 3.8), "accuracy")
        for axis, ((noise, order), panel) in zip(axes, panels, strict=True):
            axis.axhline(panel["chance"].iloc[0], color="0.6", linewidth=1, linestyle=":")
            for model, curve in panel.groupby("model", sort=False):
                name = f"{aopc[noise, order, model]:.1f}  {label(model)}"
                draw_curve(axis, curve["percent"], curve, "accuracy", opacity=0.08, label=name, **looks[model])
            axis.legend(
                title="AOPC", alignment="left", fontsize=8, title_fontsize=8, loc="upper left", bbox_to_anchor=(1, 1)
            )
            axis.set(xlim=(0, 50), ylim=(0, 1.02), xlabel="values changed (%)", title=f"{noise}; {order} order")
        figure.suptitle(
            f"{first['data']}\n{first['protocol']}\n{first['claim']}: {own['subjects'].max()} test subjects\n"
            "accuracy while values are changed; bands: 95 % interval over subjects, dotted: chance",
            x=0.01,
            ha="left",
        )
    return figure
