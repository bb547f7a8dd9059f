"""Stands for your own data: two waves that cross a basin of 24×32 cells, 10 minutes apart, as frames.npy."""

from pathlib import Path

import numpy as np

time, y, x = np.meshgrid(np.arange(720), np.arange(24), np.arange(32), indexing="ij")
swell = 0.3 + 0.001 * time  # it rises, so that no frame comes again
waves = np.sin(0.3 * x - 0.4 * time) + swell * np.sin(0.35 * y + 0.2 * x - 0.25 * time)
noise = np.random.default_rng(0).normal(0, 0.1, waves.shape)
np.save(Path(__file__).with_name("frames.npy"), (waves + noise).astype(np.float32))
