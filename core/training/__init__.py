"""The joint training loop and what surrounds it."""
