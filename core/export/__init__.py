"""A trained task outside its run: as a bundle for unistd, as ONNX for everything else."""
