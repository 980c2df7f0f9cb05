"""The encoder that comes with the package."""

from pathlib import Path

from gaitlib.encoders.pretrained import Encoder

SHIPPED = Path(__file__).parent / "shipped"


def shipped_encoder() -> Encoder:
    """An encoder of inertial recordings that is there at once, learnt from openly synthetic recordings only.

    A ``tiny`` masked autoencoder of windows of 2.56 s at 50 Hz; it reads what :func:`gaitlib.load_imu` and
    :func:`gaitlib.synthetic_imu` give ("acc" in m/s2, "gyro" in rad/s), at any rate, and needs vqf
    (``pip install 'gaitlib[imu]'``) where gravity is included. What it tells of real people is a guess from how
    synthetic ones move; for results pretrain on recordings (:func:`gaitlib.pretrain`).
    ``benchmarks/tiny_encoder.py`` made it.

    Returns
    -------
    Encoder
        Fitted. Its people are called ``synthetic_foot/seed1717_p01`` and so on.

    Examples
    --------
    >>> encoder = shipped_encoder()
    >>> encoder.learnt_["datasets"], encoder.shape_
    (['synthetic_foot', 'synthetic_waist', 'synthetic_wrist'], (128, 6))
    """
    return Encoder.load(SHIPPED)
