"""Propensity models of all replicates, solved together by Newton's method.

Two models give the propensity p = e^eta / (1 + e^eta) at the linear predictor eta = x'c. Both solve
k equations, and `TERMS` has the residuals of both:

    logit     sum_i w_i (D_i - p_i) x_i = 0                     for ipw and dr
    tilting   sum_i w_i (D_i - (1 - D_i) e^eta_i) x_i = 0       for drimp

They are not linear in moments. All deletions are close to the full sample, though: started from
its solution, two or three Newton steps reach machine precision, and each step is a pair of matrix
products over the rows, with the weight of a row set to zero in the replicate that deletes its
cluster.

Separation. When the covariates set some controls apart from all treated (no treated row has
that covariate value), the coefficient runs off to infinity and their propensity to zero. The
estimators have a limit there: these controls get no weight. The solver notices that steps do
not shrink, moves far along the direction, and finishes the rest of the model as usual.

Tilting has a solution if the treated's mean of x lies inside of what weighted means of controls can
be, a limit if it lies on the edge (controls off the edge get no weight), and none outside. A
direction v along which it runs off has v'x <= 0 for all controls, and v'x = 0 at the mean of the
treated on the edge, v'x > 0 outside. Steps that stay large for another reason do not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array, Index, Mask, factorize, pack_outer, unpack_symmetric
from didjack.core.moments import replicate_totals
from didjack.estimators import expansion

CHUNK = 1 << 19  # rows times replicates held at once: a few arrays of 4 MB
TOLERANCE = 1e-9  # on the step of the linear predictor; the error left is its square
SMALL_STEP = 0.5  # a linear predictor that still moves by more than this ...
PATIENCE = 12  # ... after so many steps is running off to infinity
FAR = 45.0  # there the odds are below 1e-19: no weight within machine precision
MAX_STEPS = 60
SETTLED = 1e-13  # steps towards a solution by series that are no larger do not count
FLAT = 1e-16  # a curvature this small, against sum w x^2, is that of controls without weight
ON_EDGE = 1e-3  # of the largest move along a direction: rows that move by less do not move
BALANCE = 1e-8  # what tilting may leave between the means of both groups, against that of |x|


@dataclass(frozen=True)
class Sample:
    """Rows of one propensity model: a cohort and its controls; n rows, k columns.

    Attributes
    ----------
    X : (n, k) array
        Covariates with intercept.
    d : (n,) bool array
        Whether the row belongs to the cohort.
    w : (n,) array
        Weights.
    cluster : (n,) int array or None
        Cluster code; None when the full sample is the only replicate.
    n_replicates : int
        R = C + 1, or 1 without clusters.
    """

    X: Array = field(repr=False)
    d: Mask = field(repr=False)
    w: Array = field(repr=False)
    cluster: Index | None = field(repr=False)
    n_replicates: int

    def take(self, rows: Mask) -> Sample:
        """Return some of the rows.

        Parameters
        ----------
        rows : (n,) bool array
        """
        cluster = None if self.cluster is None else self.cluster[rows]
        return Sample(self.X[rows], self.d[rows], self.w[rows], cluster, self.n_replicates)

    def chunks(self, replicates: Index) -> Iterator[tuple[slice, tuple[Index, Index]]]:
        """Yield slices of rows with the (row, column) positions of deleted entries.

        `replicates` lists the replicates that the columns stand for.
        """
        n = len(self.X)
        size = max(1, CHUNK // max(1, len(replicates)))
        column = np.full(self.n_replicates, -1)
        column[replicates] = np.arange(len(replicates))
        for start in range(0, n, size):
            rows = slice(start, min(n, start + size))
            if self.cluster is None:
                yield rows, (np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))
                continue
            deleted_in = column[self.cluster[rows] + 1]
            deleted = np.flatnonzero(deleted_in >= 0)
            yield rows, (deleted, deleted_in[deleted])


@dataclass(frozen=True)
class Propensity:
    """A fitted propensity model on the replicate axis.

    Attributes
    ----------
    coef : (R, k) array
    singular : (R,) bool array
        The covariates are collinear, or there was no convergence.
    separated : (R,) bool array
        Controls were set apart from the treated and lost their weight.
    column : (R,) int array
        The covariate at fault where singular or separated, else -1.
    """

    coef: Array = field(repr=False)
    singular: Mask
    separated: Mask
    column: Index

    @property
    def collinear(self) -> Mask:
        """Where covariates are collinear among treated and controls together, (R,)."""
        return self.singular & ~self.separated & (self.column >= 0)


def logistic(eta: Array) -> Array:
    """Return e^eta / (1 + e^eta), which does not overflow."""
    from scipy.special import expit  # slow to import, and only needed once a model is fitted

    return np.asarray(expit(eta))


def logit_terms(eta: Array, d: Array) -> tuple[Array, Array]:
    """Return score residual and curvature of the logit at linear predictor eta.

    D - p and p (1 - p): maximum likelihood, as `drdid_panel` and `std_ipw_did_panel` of R
    `DRDID` use it (Sant'Anna and Zhao 2020; Abadie 2005).
    """
    p = logistic(eta)
    return d - p, p * (1.0 - p)


def tilting_terms(eta: Array, d: Array) -> tuple[Array, Array]:
    """Return the same for inverse probability tilting (calibrated propensity).

    D - (1 - D) e^eta and (1 - D) e^eta: Graham, Pinto and Egel (2012), as used in Section 3.1
    of Sant'Anna and Zhao (2020) and in `drdid_imp_panel` of R `DRDID` (`pscore.cal`). With this
    propensity the controls, weighted by their odds, have exactly the covariate means of the
    treated.
    """
    odds = (1.0 - d) * np.exp(np.minimum(eta, 500.0))
    return d - odds, odds


TERMS = {"logit": logit_terms, "tilting": tilting_terms}


def fit(
    sample: Sample, left_out: Mask, model: str = "logit", start: Propensity | None = None
) -> Propensity:
    """Fit the model in the full sample, then in all replicates from there.

    Parameters
    ----------
    sample : Sample
    left_out : (R, k) bool array
        Columns without a coefficient in a replicate.
    model : {"logit", "tilting"}
    start : Propensity, optional
        The full sample, where it has been fitted before.

    Returns
    -------
    Propensity
    """
    state = _State.begin(sample, left_out)
    full = np.zeros(1, dtype=np.intp)
    if start is not None:
        state.coef[0], state.singular[0] = start.coef[0], start.singular[0]
        state.separated[0], state.column[0] = start.separated[0], start.column[0]
    elif not state.singular[0]:
        treated = sample.w[sample.d].sum()
        state.coef[0, 0] = np.log(treated / (sample.w.sum() - treated))
        if model == "tilting":  # the logit is a safe place to start the tilting from
            _newton(sample, full, state, "logit")  # what it separates, tilting separates too
        _newton(sample, full, state, model)
    state.coef[1:] = state.coef[0]
    state.separated[1:] = state.separated[0]  # what is separated stays so in every subsample
    state.column[1:] = np.where(state.singular[1:], state.column[1:], state.column[0])
    rest = np.flatnonzero(~state.singular[1:]) + 1
    if sample.cluster is not None and len(rest) * len(sample.X) >= expansion.MANY:
        rest = _solve_by_series(sample, rest, state, model)
    _newton(sample, rest, state, model)
    if model == "tilting":
        _refuse_imbalance(sample, state)
    state.coef[state.singular] = np.nan
    return Propensity(state.coef, state.singular, state.separated, state.column)


@dataclass
class _State:
    """Where the iteration of all replicates stands.

    `size` is sum w x^2, (R, k); `slow` marks replicates that took more than a few steps, (R,).
    """

    coef: Array
    left_out: Mask
    singular: Mask
    separated: Mask
    column: Index
    size: Array
    slow: Mask

    @classmethod
    def begin(cls, sample: Sample, left_out: Mask) -> _State:
        """Check ranks, and that both groups are there; start from zero."""
        R, k = sample.n_replicates, sample.X.shape[1]
        features = np.column_stack(
            [has & (sample.w > 0) for has in (sample.d, ~sample.d)]
            + [sample.w[:, None] * pack_outer(sample.X)]
        ).astype(np.float64)
        sums = replicate_totals(features, sample.cluster, R)
        gram = unpack_symmetric(sums[:, 2:], k)
        factor = factorize(gram, left_out)
        column = np.where(factor.singular, factor.redundant.argmax(axis=1), -1)
        missing = (sums[:, :2] == 0).any(axis=1)
        return cls(
            np.zeros((R, k)), left_out, factor.singular | missing, np.zeros(R, dtype=bool), column,
            np.diagonal(gram, axis1=1, axis2=2), np.zeros(R, dtype=bool),
        )  # fmt: skip


def _newton(sample: Sample, replicates: Index, state: _State, model: str) -> None:
    """Iterate some replicates until each has converged; `state` is updated in place."""
    active = replicates
    last = np.zeros_like(state.coef)
    for step in range(MAX_STEPS):
        if len(active) == 0:
            return
        score, hessian = _score(sample, active, state.coef[active], model)
        plain = step < PATIENCE and not state.separated[active].any()
        flat = np.diagonal(hessian, axis1=1, axis2=2) <= FLAT * state.size[active]
        change = _newton_step(score, hessian, state.left_out[active] | flat, plain)
        reach = _reach(sample, active, change)
        damp = np.minimum(1.0, 5.0 / np.maximum(reach, 1e-300))
        # A large step back is overshooting, which could go to and fro for ever, not running off.
        back = (reach > SMALL_STEP) & ((change * last[active]).sum(axis=1) < 0)
        damp[back] *= 0.5
        if step >= PATIENCE:
            state.slow[active] = True
            runaway = (reach > SMALL_STEP) & ~back
            if model == "tilting" and runaway.any():
                runaway[runaway] = _runs_off(sample, active[runaway], change[runaway])
            at = active[runaway]
            state.separated[at] = True
            state.column[at] = np.abs(change[runaway, 1:]).argmax(axis=1) + 1
            damp[runaway] = FAR / reach[runaway]
        last[active] = damp[:, None] * change
        state.coef[active] += last[active]
        active = active[~(reach < TOLERANCE)]
    state.singular[active] = True


def _solve_by_series(sample: Sample, replicates: Index, state: _State, model: str) -> Index:
    """Solve replicates close to the full sample, in place; return those that are left to do.

    The score is summed as a power series (`didjack.estimators.expansion`), and solved with the
    curvature at the coefficients of the full sample: each step shrinks the error by |x'd|.
    """
    plain = replicates[~state.left_out[replicates].any(axis=1)]
    if state.singular[0] or state.separated[0] or len(plain) == 0:
        return replicates
    assert sample.cluster is not None
    X, k, start = sample.X, sample.X.shape[1], state.coef[0]
    kind, counts = ("logistic", np.ones(len(X))) if model == "logit" else ("odds", ~sample.d)
    eta = X @ start
    features = (sample.w * counts)[:, None] * X
    residual, curvature = TERMS[model](eta, sample.d.astype(np.float64))
    terms = np.column_stack([residual[:, None] * X, curvature[:, None] * pack_outer(X)])
    sums = replicate_totals(sample.w[:, None] * terms, sample.cluster, sample.n_replicates)[plain]
    factor = factorize(unpack_symmetric(sums[:, k:], k))
    change = factor.solve(sums[:, :k])
    change[factor.singular] = np.inf
    degree = expansion.best_degree(1.1 * expansion.reach_of(X, change), len(X), k, k, kind)
    if degree is None:
        return replicates
    series = expansion.Series.of(X, eta, features, degree, kind)
    treated = (sample.w * sample.d)[:, None] * X
    target = replicate_totals(treated, sample.cluster, sample.n_replicates)[plain]
    near = expansion.certain(expansion.reach_of(X, change), degree, kind)
    at, change, target = plain[near], change[near], target[near]
    solve = factor.among(near).solve
    last = np.full(len(at), np.inf)
    for _ in range(MAX_STEPS):
        fitted = expansion.take_away(
            series(change), sample.cluster, at, change, (X, eta, features),
            logistic if model == "logit" else np.exp,
        )  # fmt: skip
        step = solve(target - fitted)
        change += step
        size = expansion.reach_of(X, step)
        if not (size > SETTLED).any() or not (size < 0.5 * last).any():
            break
        last = size
    done = (size <= SETTLED) & expansion.certain(expansion.reach_of(X, change), degree, kind)
    state.coef[at[done]] = start + change[done]
    return np.setdiff1d(replicates, at[done])


def _newton_step(score: Array, hessian: Array, left_out: Mask, plain: bool) -> Array:
    """Solve for the step; directions that have run off have no curvature and are passed over.

    `plain` says that none has, so that the quick solver will do.
    """
    if plain and not left_out.any():
        try:
            return np.asarray(np.linalg.solve(hessian, score[..., None])[..., 0])
        except np.linalg.LinAlgError:
            pass
    return factorize(hessian, left_out).solve(score)


def _runs_off(sample: Sample, replicates: Index, change: Array) -> Mask:
    """Whether tilting runs off for ever along a step: no control's odds grow, and the mean stays.

    A step along which the mean of the treated moves on leads to no solution, and is left to
    the limit on steps.
    """
    reach = _reach(sample, replicates, change)
    highest = np.full(len(replicates), -np.inf)
    treated, weight = np.zeros(len(replicates)), np.zeros(len(replicates))
    for rows, deleted in sample.chunks(replicates):
        move = sample.X[rows] @ change.T
        d = sample.d[rows]
        w = np.where(d, sample.w[rows], 0.0)[:, None] * np.ones(len(replicates))
        w[deleted] = 0.0
        treated += (w * move).sum(axis=0)
        weight += w.sum(axis=0)
        move[deleted] = -np.inf
        move[d] = -np.inf
        np.maximum(highest, move.max(axis=0), out=highest)
    mean = np.abs(treated / weight)
    return (highest <= ON_EDGE * reach) & (mean <= ON_EDGE * reach)


def _refuse_imbalance(sample: Sample, state: _State) -> None:
    """Mark replicates in which the controls, weighted by their odds, miss the treated's means.

    Directions without curvature are passed over, also where the means are not reached yet.
    """
    rest = np.flatnonzero((state.separated | state.slow) & ~state.singular)
    if len(rest) == 0:
        return
    score, _ = _score(sample, rest, state.coef[rest], "tilting")
    treated = np.abs(sample.X) * (sample.w * sample.d)[:, None]
    size = replicate_totals(treated, sample.cluster, sample.n_replicates)[rest]
    total = size[:, :1]  # of the intercept: covariates may be zero for all treated
    gap = np.where(state.left_out[rest], 0.0, np.abs(score)) / np.maximum(size, total)
    missed = gap.max(axis=1) > BALANCE
    state.singular[rest[missed]] = True
    state.column[rest[missed]] = gap[missed].argmax(axis=1)


def _score(sample: Sample, replicates: Index, coef: Array, model: str) -> tuple[Array, Array]:
    """Return score (R, k) and Hessian (R, k, k) of the replicates."""
    k = sample.X.shape[1]
    score = np.zeros((len(replicates), k))
    packed = np.zeros((len(replicates), k * (k + 1) // 2))
    for rows, deleted in sample.chunks(replicates):
        X, w = sample.X[rows], sample.w[rows, None]
        d = sample.d[rows, None].astype(np.float64)
        residual, curvature = TERMS[model](X @ coef.T, d)
        residual *= w
        curvature *= w
        residual[deleted] = 0.0
        curvature[deleted] = 0.0
        score += residual.T @ X
        packed += curvature.T @ pack_outer(X)
    return score, unpack_symmetric(packed, k)


def _reach(sample: Sample, replicates: Index, change: Array) -> Array:
    """Return the largest move of a linear predictor in each replicate, (R,)."""
    reach = np.zeros(len(replicates))
    for rows, deleted in sample.chunks(replicates):
        move = np.abs(sample.X[rows] @ change.T)
        move[deleted] = 0.0
        np.maximum(reach, move.max(axis=0), out=reach)
    return reach
