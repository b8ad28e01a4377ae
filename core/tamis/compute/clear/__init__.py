"""CLEAR: confidence, its evidence, its decisions and its calibration."""
