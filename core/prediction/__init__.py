"""Forecasts written with their coordinates and units."""
