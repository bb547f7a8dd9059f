"""Stores, windows and batches."""
