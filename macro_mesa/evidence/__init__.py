"""The evidence: which claims about learned behaviour hold on held-out seeds, and how the economy compares with data."""
