"""Emulated instruments on real ports, and the one world behind them."""
