"""Which lifecycle mode and numbers serve a shop? Its own purchases, replayed (docs/backtest.md)."""
