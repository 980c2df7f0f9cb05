"""What others have reported on these data sets, each with its protocol in full.

A number is only as good as its split: compare along the column "protocol", never across it.
"""

import pandas as pd

AZURE = "Azure Kinect and pressure (Jun 2021), 12 people, 1440 walks"
KINECT = "Kinect v2 (Jun 2020), 10 people, 7200 recordings"

_PEEKING = "leave one person out, best epoch chosen on the person left out"
_RANDOM = "random split of trials, every person on both sides"
_JUN_2021 = "Jun et al. 2021, doi 10.1109/ACCESS.2021.3131613"
_JUN_2020 = "Jun et al. 2020, doi 10.1109/ACCESS.2020.3013029"
_REFERENCE = "nglguarino/gait-recognition (2025)"
_REPORT = "nglguarino/gait-recognition (2025), report.pdf"
_PADOVA = "Meggiolaro and Mattesco (Padova)"
_GRAPH = "Chen, Lien, Lin 2026 (happylingwei-rgb)"

_ROWS = (
    (AZURE, _JUN_2021, "GRU + DenseNet201, three-step fusion", _PEEKING, 97.60),
    (AZURE, _JUN_2021, "the same, trained end to end", _PEEKING, 95.66),
    (AZURE, _JUN_2021, "the same, score-level fusion, encoders first", _PEEKING, 93.23),
    (AZURE, _JUN_2021, "the same, score-level fusion, end to end", _PEEKING, 73.44),
    (AZURE, _JUN_2021, "GRU on the skeleton", _PEEKING, 93.40),
    (AZURE, _JUN_2021, "DenseNet201 on the pressure image", _PEEKING, 68.82),
    (AZURE, _REFERENCE, "gru_cnn_fusion", _RANDOM, 93.75),
    (AZURE, _REFERENCE, "cnn_lstm", _RANDOM, 89.93),
    (AZURE, _REFERENCE, "attention", _RANDOM, 89.93),
    (AZURE, _REFERENCE, "gru", _RANDOM, 89.24),
    (AZURE, _REFERENCE, "gru_cnn_fusion", "random five folds over trials", 94.31),
    (AZURE, _REFERENCE, "gru_cnn_fusion", 'called "LOSO", in fact twelve random folds', 93.96),
    (AZURE, _REPORT, "GRU, 95,430 weights", "leave one person out", 87.33),
    (AZURE, _REPORT, "GRU, 95,430 weights", "folds of several people", 92.42),
    (AZURE, _PADOVA, "skeleton Transformer", "one person never touched before the end", 91.36),
    (AZURE, _PADOVA, "GRU", "leave one person out, judged on the validation person", 89.32),
    (KINECT, _GRAPH, "MT-GSGCN-CBAM, 7 leg joints", "leave one person out, last epoch", 97.34),
    (KINECT, _JUN_2020, "GRU on the legs", "leave one person out", 93.67),
    (KINECT, _JUN_2020, "GRU on all joints", "leave one person out", 90.13),
)


def claims(data: str) -> pd.DataFrame:
    """Published accuracies on a data set, each with its source and protocol.

    Parameters
    ----------
    data : str
        ``published.AZURE`` or ``published.KINECT``.

    Returns
    -------
    pandas.DataFrame
        source, model, protocol, accuracy (share, as reported).

    Examples
    --------
    >>> float(claims(KINECT)["accuracy"].max())
    0.9734
    """
    table = pd.DataFrame(_ROWS, columns=["data", "source", "model", "protocol", "accuracy"])
    table = table[table["data"] == data].drop(columns="data").reset_index(drop=True)
    return table.assign(accuracy=(table["accuracy"] / 100).round(4))
