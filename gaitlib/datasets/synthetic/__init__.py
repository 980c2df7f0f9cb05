"""Openly synthetic recordings in the published layouts and types."""

from gaitlib.datasets.synthetic.forces import synthetic_forces
from gaitlib.datasets.synthetic.imu import synthetic_imu
from gaitlib.datasets.synthetic.physiology import synthetic_physiology
from gaitlib.datasets.synthetic.walks import synthetic_trials

__all__ = ["synthetic_forces", "synthetic_imu", "synthetic_physiology", "synthetic_trials"]
