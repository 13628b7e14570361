"""What capital and labour make: constant elasticity of substitution, Cobb-Douglas where it is one.

Both inputs are counted in workers: capital in units of the opening capital of a worker.  There, capital and labour
are equal, a worker makes one unit and the elasticity of output in labour is ``labor_share`` whatever the elasticity
of substitution (the normalised function of Klump and de La Grandville 2000).
"""

import numpy as np

from macro_mesa.compiled import jit


@jit
def output(productivity, capital, labor, labor_share, substitution):
    """Units a month from ``capital`` (in opening capital of a worker) and ``labor`` (full-time hours).

    ``substitution`` is the elasticity of substitution (Arrow, Chenery, Minhas and Solow 1961).
    """
    if substitution == 1.0:
        return productivity * capital ** (1.0 - labor_share) * labor**labor_share
    if substitution < 1.0 and min(capital, labor) <= 0.0:
        return 0.0
    exponent = 1.0 - 1.0 / substitution
    inputs = labor_share * labor**exponent + (1.0 - labor_share) * capital**exponent
    return productivity * inputs ** (1.0 / exponent)


@jit
def labor_for(units, productivity, capital, labor_share, substitution):
    """Full-time hours that make ``units`` with ``capital``; infinite where no labour makes up for missing capital."""
    if substitution == 1.0:
        return (units / (productivity * capital ** (1.0 - labor_share))) ** (1.0 / labor_share)
    if units <= 0.0:
        return 0.0
    if substitution < 1.0 and capital <= 0.0:
        return np.inf
    exponent = 1.0 - 1.0 / substitution
    by_labor = (units / productivity) ** exponent - (1.0 - labor_share) * capital**exponent
    if by_labor <= 0.0:
        return 0.0 if exponent > 0.0 else np.inf
    return (by_labor / labor_share) ** (1.0 / exponent)
