"""The ticker: time as entries in the log."""

from streams.ticker.ticker import Ticker

__all__ = ["Ticker"]
