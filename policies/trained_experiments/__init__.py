"""Experiments that train: best responses, the Lucas critique, agents retrained blind to interest rates."""
