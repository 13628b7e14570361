"""Experiments on economies: evaluation on held-out seeds and paired shocks with common random numbers."""
