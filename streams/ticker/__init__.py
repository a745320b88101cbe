"""The ticker: time as entries in the log."""
