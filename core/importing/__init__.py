"""Frames from a user's own files, described by a card instead of by code."""
