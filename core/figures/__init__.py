"""Pictures of forecasts and of results."""
