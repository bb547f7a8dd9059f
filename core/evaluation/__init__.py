"""Scores on a split, beside the baselines."""
