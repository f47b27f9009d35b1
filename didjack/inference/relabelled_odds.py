"""Estimators with propensities under other assignments, a block of assignments at once.

The models of all assignments and deletions are solved together by Newton's method, as
`didjack.estimators.propensity` solves those of one: its equations, with an axis of assignments in
front. Only plain models are: where one is collinear, does not converge within a few steps, has a
covariate that separates, or no overlap, its assignment is marked, and left to the estimator.

Axes: B assignments, n units, M clusters of a comparison, r = M + 1 replicates (all of them, then
without each, the treated first), c cells, Y outcomes, k columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from didjack.core.linalg import Array, Index, Mask, factorize, pack_outer, unpack_symmetric
from didjack.core.moments import Clusters, indicator
from didjack.effects.options import Options
from didjack.estimators.methods import WEIGHTING, Method
from didjack.estimators.odds import CAP, OVERLAP
from didjack.estimators.propensity import FLAT, PATIENCE, SMALL_STEP, TERMS, TOLERANCE, logistic
from didjack.estimators.wide import Wide, pairs_of
from didjack.sample.cells import Cells
from didjack.sample.panel import Panel

Places = tuple[Index, Index, Index]


@dataclass(frozen=True, eq=False)
class UnitRows:
    """Units of a balanced panel; E designs, D differences (`cluster_moments.ClusterMoments`).

    Attributes
    ----------
    method : str
        A name in `didjack.estimators.methods.WEIGHTING`.
    X : (E, n, k) array
    w : (E, n) array
    change : (D, Y, n) array
        Outcomes of the late period less those of the early one.
    cluster : (n,) int array
    trim : float
        Controls with this propensity or a larger one get no weight.
    """

    method: str
    X: Array = field(repr=False)
    w: Array = field(repr=False)
    change: Array = field(repr=False)
    cluster: Index = field(repr=False)
    trim: float

    @classmethod
    def of(
        cls, panel: Panel, cells: Cells, clusters: Clusters, outcomes: Array, options: Options
    ) -> UnitRows:
        """Arrange the units.

        Parameters
        ----------
        panel : Panel
            Balanced.
        cells : Cells
        clusters : Clusters
        outcomes : (Y, N) array
            By row.
        options : Options
            With an est_method of `didjack.estimators.methods.WEIGHTING`.
        """
        wide, pairs = Wide.of(panel), pairs_of(cells)
        at = [wide.at(e) for e in wide.gram_periods(pairs.early)[1]]
        y = outcomes.reshape(len(outcomes), panel.n_units, -1)
        change = np.moveaxis(y[..., pairs.late] - y[..., pairs.early], -1, 0)
        return cls(
            options.est_method,
            wide.X[at],
            wide.w[at],
            change,
            clusters.code[panel.unit_rows],
            options.pscoretrim,
        )

    @property
    def per_assignment(self) -> int:
        """Numbers of the largest array, for one assignment."""
        return len(self.cluster) * (int(self.cluster.max()) + 2)


@dataclass(frozen=True, eq=False)
class OddsComparison:
    """Cells of one cohort, one set of controls and one design under B assignments.

    Attributes
    ----------
    design : int
    differences : (c,) int array
    sign : (c,) array
    treated, controls : (B, M1) and (B, M0) int arrays
        Clusters.
    gram : (B, r, k, k) array
        Sums of w x x' over both.
    x : (B, r, k) array
        Sums of w x over the treated.
    y : (B, r, c, Y) array
        Sums of w times the change over the treated.
    beta : (B, r, c, Y, k) array
        Outcome regressions of the controls.
    singular : (B, r) bool array
        Whether covariates are collinear among the controls.
    """

    design: int
    differences: Index
    sign: Array = field(repr=False)
    treated: Index = field(repr=False)
    controls: Index = field(repr=False)
    gram: Array = field(repr=False)
    x: Array = field(repr=False)
    y: Array = field(repr=False)
    beta: Array = field(repr=False)
    singular: Mask = field(repr=False)


@dataclass(frozen=True, eq=False)
class _PaddedUnits:
    """The units of a comparison, filled up with zeros to the most that an assignment has.

    X (B, n, k), d and w (B, n), change (B, n, c Y), `own` (B, n): the replicate without the unit.
    """

    X: Array
    d: Array
    w: Array
    change: Array
    own: Index

    def deleted(self) -> Places:
        """Return the places in (B, n, r) arrays of units that a replicate does not have."""
        b, n = self.own.shape
        return np.arange(b)[:, None], np.arange(n), self.own


def compare(rows: UnitRows, comparison: OddsComparison) -> tuple[Array, Mask]:
    """Estimate the cells of a comparison in all replicates.

    Formulas: `didjack.estimators.ipw`, `ipw_ht`, `dr` and `drimp`.

    Parameters
    ----------
    rows : UnitRows
    comparison : OddsComparison

    Returns
    -------
    (B, r, c, Y) array
    (B,) bool array
        Assignments that are left to the estimator.
    """
    c = comparison
    own = _rows(rows, c)
    formulas = WEIGHTING[rows.method]
    n_treated, n_controls = c.treated.shape[1], c.controls.shape[1]
    # Deletions after which one of the groups is empty.
    gone = np.repeat([False, n_treated == 1, n_controls == 1], [1, n_treated, n_controls])
    hard = np.asarray((factorize(c.gram).singular & ~gone).any(axis=1))
    coef, failed = _fit(own, c.gram, formulas.propensity, gone)
    hard |= failed
    plain = coef
    if formulas.propensity != "logit" or (rows.w != rows.w[:, :1]).any():
        counts = _PaddedUnits(own.X, own.d, (own.w > 0).astype(np.float64), own.change, own.own)
        plain, failed = _fit(counts, c.gram, "logit", gone)
        hard |= failed
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        predictor = own.X @ plain.swapaxes(1, 2)
        predictor[own.deleted()] = 0.0
        highest = predictor.max(axis=1)
        hard |= np.asarray((~gone & ~(logistic(highest) < OVERLAP)).any(axis=1))
        value = _values(own, c, coef, formulas, rows.trim)
    if formulas.regression != "none":
        value[c.singular] = np.nan
    value[:, gone] = np.nan
    return np.where(np.isfinite(value), value, np.nan), hard


def _values(
    own: _PaddedUnits, c: OddsComparison, coef: Array, formulas: Method, trim: float
) -> Array:
    """Put the estimate together, (B, r, c, Y)."""
    regression = formulas.regression
    shape, k = c.y.shape, c.x.shape[-1]
    p = np.minimum(logistic(own.X @ coef.swapaxes(1, 2)), CAP)
    odds = (own.w * (1.0 - own.d))[..., None] * p / (1.0 - p)
    odds[own.deleted()] = 0.0
    features = np.concatenate([own.X, own.change], axis=2)
    sign = c.sign[:, None]
    beta = c.beta * sign[..., None]
    if regression == "odds":
        cross = own.X[:, :, None, :] * own.change[..., None]  # (B, n, c Y, k)
        packed = np.concatenate([_outer(own.X), cross.reshape(*own.X.shape[:2], -1)], axis=2)
        sums, size = odds.swapaxes(1, 2) @ packed, k * (k + 1) // 2
        gram = unpack_symmetric(sums[..., :size], k)[:, :, None]
        beta = factorize(gram).solve(sums[..., size:].reshape(*shape[:2], -1, k))
        beta = beta.reshape(*shape, k) * sign[..., None]
    odds[p >= trim] = 0.0
    sums = odds.swapaxes(1, 2) @ features
    x, y = sums[..., :k], sums[..., k:].reshape(shape) * sign
    weight, treated = c.x[..., 0, None, None], c.y * sign
    if not formulas.normalised:
        return np.asarray((treated - y) / weight)
    if regression == "none":
        return np.asarray(treated / weight - y / x[..., 0, None, None])
    fitted = (c.x[:, :, None, None] * beta).sum(axis=-1)
    residual = y - (x[:, :, None, None] * beta).sum(axis=-1)
    if regression == "odds":
        return np.asarray((treated - fitted - residual) / weight)
    return np.asarray((treated - fitted) / weight - residual / x[..., 0, None, None])


def _rows(rows: UnitRows, c: OddsComparison) -> _PaddedUnits:
    B, M1 = c.treated.shape
    members = np.concatenate([c.treated, c.controls], axis=1)
    replicate = np.zeros((B, int(rows.cluster.max()) + 1), dtype=np.intp)
    np.put_along_axis(replicate, members, np.arange(1, members.shape[1] + 1)[None], axis=1)
    replicate = replicate[:, rows.cluster]  # (B, all units), 0: not compared
    compared = replicate > 0
    most = int(compared.sum(axis=1).max())
    at = np.argsort(~compared, axis=1, kind="stable")[:, :most]
    own = np.take_along_axis(replicate, at, axis=1)
    real = (own > 0).astype(np.float64)
    change = rows.change[c.differences].reshape(-1, len(rows.cluster)).T[at]
    return _PaddedUnits(
        X=rows.X[c.design][at] * real[..., None],
        d=((own > 0) & (own <= M1)).astype(np.float64),
        w=rows.w[c.design][at] * real,
        change=change * real[..., None],
        own=np.maximum(own, 1),  # what fills up is zero everywhere
    )


def _outer(X: Array) -> Array:
    return pack_outer(X.reshape(-1, X.shape[-1])).reshape(*X.shape[:2], -1)


def _fit(own: _PaddedUnits, gram: Array, model: str, gone: Mask) -> tuple[Array, Mask]:
    """Fit a model in the full sample and from there in all replicates, (B, r, k)."""
    k = own.X.shape[-1]
    treated, weight = (own.w * own.d).sum(axis=1), own.w.sum(axis=1)
    coef = np.zeros((len(own.X), 1, k))
    coef[:, 0, 0] = np.log(treated / (weight - treated))
    size = np.diagonal(gram, axis1=2, axis2=3)
    one = np.zeros(1, dtype=bool)
    hard = np.zeros(len(own.X), dtype=bool)
    for stage in dict.fromkeys(("logit", model)):  # the logit is a safe place to start from
        hard |= _newton(own, coef, size[:, :1], stage, one, None)
    coef = np.repeat(coef, len(gone), axis=1)
    hard |= _newton(own, coef, size, model, gone, own.deleted())
    return coef, hard


def _newton(
    own: _PaddedUnits,
    coef: Array,
    size: Array,
    model: str,
    gone: Mask,
    deleted: Places | None,
) -> Mask:
    """Iterate in place; return the assignments, (B,), that do not converge plainly."""
    packed, k = _outer(own.X), own.X.shape[-1]
    largest = np.abs(own.X).max(axis=1)[:, None]
    last = np.zeros(coef.shape)
    hard = np.zeros(len(coef), dtype=bool)
    for step in range(PATIENCE):
        if step == 0 and deleted is not None:  # all start from the full sample
            score, hessian = _first(own, coef[:, :1], packed, model)
        else:
            score, hessian = _score(own, coef, packed, model, deleted)
        hessian = unpack_symmetric(hessian, k)
        flat = np.diagonal(hessian, axis1=2, axis2=3) <= FLAT * size
        hard |= np.asarray((flat.any(axis=2) & ~gone).any(axis=1))
        idle = gone | hard[:, None]
        score[idle], hessian[idle] = 0.0, np.eye(k)
        try:
            change = np.asarray(np.linalg.solve(hessian, score[..., None])[..., 0])
        except np.linalg.LinAlgError:
            return np.ones(len(coef), dtype=bool)
        reach = np.asarray((np.abs(change) * largest).sum(axis=2))  # no predictor moves by more
        if not (reach < SMALL_STEP).all():
            move = np.abs(own.X @ change.swapaxes(1, 2))
            if deleted is not None:
                move[deleted] = 0.0
            reach = np.asarray(move.max(axis=1))
            change *= np.minimum(1.0, 5.0 / np.maximum(reach, 1e-300))[..., None]
            back = (reach > SMALL_STEP) & ((change * last).sum(axis=2) < 0)
            change[back] *= 0.5
        last = np.asarray(change, dtype=np.float64)
        coef += change
        if (reach < TOLERANCE).all():
            return hard
    return np.asarray(hard | (~(reach < TOLERANCE)).any(axis=1))


def _score(
    own: _PaddedUnits,
    coef: Array,
    packed: Array,
    model: str,
    deleted: Places | None,
) -> tuple[Array, Array]:
    """Return scores (B, r, k) and packed curvatures."""
    residual, curvature = TERMS[model](own.X @ coef.swapaxes(1, 2), own.d[..., None])
    residual *= own.w[..., None]
    curvature *= own.w[..., None]
    if deleted is not None:
        residual[deleted] = 0.0
        curvature[deleted] = 0.0
    return residual.swapaxes(1, 2) @ own.X, curvature.swapaxes(1, 2) @ packed


def _first(own: _PaddedUnits, coef: Array, packed: Array, model: str) -> tuple[Array, Array]:
    """Return the same where all replicates have the coefficients (B, 1, k) of the full sample.

    What a cluster adds is then the same in all of them.
    """
    residual, curvature = TERMS[model](own.X @ coef.swapaxes(1, 2), own.d[..., None])
    terms = own.w[..., None] * np.concatenate([residual * own.X, curvature * packed], axis=2)
    B, n, F = terms.shape
    r = int(own.own.max()) + 1
    place = (np.arange(B)[:, None] * r + own.own).ravel()
    sums = (indicator(place, B * r) @ terms.reshape(B * n, F)).reshape(B, r, F)
    sums = sums.sum(axis=1, keepdims=True) - sums  # of replicate 0 nothing is taken away
    k = own.X.shape[-1]
    return sums[..., :k], sums[..., k:]
