"""Pre-training of a trunk on still frames (method §1)."""
