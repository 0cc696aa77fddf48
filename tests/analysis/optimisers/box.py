"""The box of the paper: residence time, share of the second reagent, temperature."""

import numpy as np

LOWER, UPPER = np.array([30.0, 1 / 3, 100.0]), np.array([310.3, 2 / 3, 150.0])
SCALES = ("log", "logit", "celsius")
