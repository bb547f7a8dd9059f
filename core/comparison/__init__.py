"""Several ways to train the same tasks, side by side."""
