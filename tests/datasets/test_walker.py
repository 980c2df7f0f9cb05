"""The synthetic walker: physics on the exact truth, the markers of the gaits on the noisy skeleton."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_score

from gaitlib import GaitDataError, recipes
from gaitlib.conventions import AZURE_KINECT_JOINTS, BONES, GAITS, joint_columns, skeleton_channels
from gaitlib.datasets.body import Body
from gaitlib.datasets.gait_styles import GAITS as _  # noqa: F401
