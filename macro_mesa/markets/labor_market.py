"""The labour market: separations, search and matching, and wage offers set from each firm's own queue.

Jobs end by chance or because a firm wants fewer workers.  The unemployed, in random order, visit a few
firms each and take the first open post.  A firm left with a vacancy raises its wage offer, one with more
applicants than posts lowers it: local tightness only, never the unemployment rate.
"""

from typing import TYPE_CHECKING

import numpy as np

from macro_mesa.compiled import AHEAD, CACHE_LINE, jit, prefetch
from macro_mesa.random_streams import Purpose, fill_first, shuffle, uniform, uniforms

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel


@jit
def dismiss(households, i, firms):
    """End a household's job."""
    firms[households[i].employer_id].employment -= 1
    households[i].employer_id = -1
    households[i].employed = False
    households[i].spell = 0


@jit
def hire(households, i, firms, f):
    """Start a household's job at a firm, at the firm's wage offer."""
    firms[f].employment += 1
    firms[f].hires += 1
    households[i].employer_id = f
    households[i].employed = True
    households[i].spell = 0
    households[i].wage = firms[f].wage_offer


@jit
def prefetch_employer(households, i, firms):
    """Have the record of the employer of a household some rows further on fetched, if there is one."""
    f = households[min(i + AHEAD, len(households) - 1)].employer_id
    if f >= 0:
        prefetch(firms, f, 0)


@jit
def trim(households, firms, first, last):
    """Dismiss workers above their firms' targets among the households from ``first`` to before ``last``."""
    for i in range(first, last):
        prefetch_employer(households, i, firms)
        if households[i].employed:
            f = households[i].employer_id
            if firms[f].employment > firms[f].employment_target:
                dismiss(households, i, firms)


@jit
def separate(households, firms, parameters, key, month):
    """End jobs by chance, then those above the firms' targets, starting at a random household."""
    p = parameters[0]
    number = len(households)
    draws = np.empty(number)
    fill_first(draws, key, month, Purpose.SEPARATION, 0)
    for i in range(number):
        if households[i].employed and draws[i] < p.separation_rate:
            dismiss(households, i, firms)
    start = int(uniform(key, month, Purpose.LAYOFF, 0) * number)
    trim(households, firms, start, number)
    trim(households, firms, 0, start)


@jit
def visits(households, firms, p):
    """Firms that a seeker visits: of small firms more, so that it asks for as many jobs as where firms are large.

    With one visit whatever the size, half as large firms would mean half the chance to meet an open post.
    """
    crowding = p.usual_firm_size * len(firms) / len(households)
    return round(p.job_searches * max(crowding, 1.0))


@jit
def match(households, firms, parameters, key, month):
    """Let every unemployed household, in random order, visit firms and take the first open post."""
    number_of_visits = visits(households, firms, parameters[0])
    open_posts = np.empty(len(firms), np.int64)
    applicants = np.zeros(len(firms), np.int64)
    for f in range(len(firms)):
        open_posts[f] = max(0, firms[f].employment_target - firms[f].employment)
        firms[f].vacancies = open_posts[f]
        firms[f].hires = 0
    seekers = np.empty(len(households), np.int32)
    number = 0
    for i in range(len(households)):
        if not households[i].employed:
            households[i].spell += 1
            seekers[number] = i
            number += 1
    shuffle(seekers[:number], key, month, Purpose.JOB_QUEUE)
    for place in range(number):
        i = seekers[place]
        prefetch(households, seekers[min(place + AHEAD, number - 1)], CACHE_LINE)
        for search in range(number_of_visits):
            draw = uniforms(key, month, Purpose.JOB_SEARCH, i, search)[0]
            f = int(draw * len(firms))
            applicants[f] += 1
            if open_posts[f] > 0:
                open_posts[f] -= 1
                hire(households, i, firms, f)
                break
    for f in range(len(firms)):
        firms[f].applicants = applicants[f]


@jit
def set_wage_offers(firms, economy, parameters, key, month):
    """Move each firm's wage offer by its own queue, and index it to the target and to past inflation."""
    p = parameters[0]
    indexed = p.wage_indexation * p.inflation_target + p.wage_catch_up * economy[0].inflation
    indexation = 1.0 + indexed / 12.0
    draws = np.empty(len(firms))
    fill_first(draws, key, month, Purpose.WAGE_OFFER, 0)
    for f in range(len(firms)):
        draw = draws[f]
        if firms[f].hires < firms[f].vacancies:
            firms[f].wage_offer *= 1.0 + p.wage_raise * draw
        elif firms[f].applicants > firms[f].vacancies:
            firms[f].wage_offer *= 1.0 - p.wage_cut * draw
        firms[f].wage_offer *= indexation


@jit
def clear(households, firms, economy, parameters, key, month):
    """One month of the labour market."""
    separate(households, firms, parameters, key, month)
    match(households, firms, parameters, key, month)
    set_wage_offers(firms, economy, parameters, key, month)


class LaborMarket:
    """Where households and firms meet for a job."""

    def __init__(self, model: "MacroModel") -> None:
        self._model = model

    def clear(self) -> None:
        """Separations, matching and wage offers of a month."""
        model = self._model
        clear(
            model.households.table, model.firms.table, model.economy, model.parameter_record, model.key, model.month
        )

    @property
    def tightness(self) -> float:
        """Posts open at the start of last month's search for each household now unemployed."""
        unemployed = len(self._model.households) - int(self._model.households.employed.sum())
        return float(self._model.firms.vacancies.sum()) / max(1, unemployed)
