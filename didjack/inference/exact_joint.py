"""Bands and pre-tests of several exact t statistics at once, calibrated by draws.

The t statistics of an event study have distributions of their own: one that rests on two treated
clusters needs a critical value of 5, one that rests on twenty one of 2. What they have in common is
the scale of their p-values. The smallest of them, min_k p_k, is drawn under the reference model:
one normal vector z of shocks gives all estimates, all deletions and so all t statistics. Its
quantile alpha* at 1 - level is the tail level that every element gets of its own distribution; the
band covers all elements together with probability `level`, and none of them takes the room of
another. Joint tests by the smallest p-value are those of Westfall and Young (1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from didjack.core import cv3
from didjack.core.linalg import Array, Mask
from didjack.core.progress import progress
from didjack.core.ratio_distribution import NullDistribution
from didjack.core.results import Inference
from didjack.errors import DesignError
from didjack.inference.bands import Band, band_elements, treated_of
from didjack.inference.exact import ExactInference
from didjack.inference.joint_draws import DenseDraws, ProductDraws
from didjack.inference.pretest import PreTest, elements_before_treatment, f_test

DRAWS = 20_000  # the Monte Carlo error of a tail of 5% is .0015
LARGE = 2e7  # numbers in the forms of all elements; with more, products are drawn from if there are
LARGEST = 5e8  # 4 GB
_TABLE = 129  # points of the table that turns t into p


@dataclass(frozen=True, eq=False)
class JointForms:
    """K estimates and their deviations as forms in shocks, and the distributions of their ratios.

    Attributes
    ----------
    draws : DenseDraws or ProductDraws
    distributions : tuple of K NullDistribution
        Of the t statistics.
    """

    draws: DenseDraws | ProductDraws = field(repr=False)
    distributions: tuple[NullDistribution, ...] = field(repr=False)

    @classmethod
    def of(cls, exact: ExactInference, at: Sequence[int], usable: Mask) -> JointForms:
        """Write some parameters as forms in the same shocks.

        Parameters
        ----------
        exact : ExactInference
        at : sequence of int
            Places of the parameters.
        usable : (C, P) bool array
            Deletions that count.

        Raises
        ------
        DesignError
            The loadings are no products, and the forms need more than 4 GB.
        """
        C, P = usable.shape
        every = [np.eye(P)[k] for k in at]
        size = len(at) * C * C * exact.forms.n_periods
        products = size > LARGE and all(exact.forms.has_products(one) for one in every)
        if size > LARGEST and not products:
            raise DesignError(
                f"Joint draws for {len(at)} parameters and {C:,} clusters need "
                f"{8 * size / 1e9:.0f} GB. Use fewer event times (min_e, max_e), est_method='reg', "
                "covariates with few distinct values or none, or a coarser cluster variable."
            )
        draws = (_product_draws if products else _dense_draws)(exact, every, usable[:, at])
        columns = zip(every, usable[:, at].T, strict=True)
        return cls(draws, tuple(exact.ratio(one, used).distribution() for one, used in columns))

    def draw(self, n_draws: int, seed: int, joint: bool = False) -> tuple[Array, Array]:
        """Draw the t statistics under no effect.

        Parameters
        ----------
        n_draws : int
        seed : int
        joint : bool
            Whether the Wald statistics are wanted.

        Returns
        -------
        t : (B, K) array
            Absolute values.
        wald : (B,) array
            b' V^-1 b with the joint CV3 covariance V of the draw; empty if not wanted.
        """
        rng = np.random.default_rng(seed)
        t, wald = np.empty((n_draws, len(self.distributions))), np.empty(n_draws if joint else 0)
        starts = range(0, n_draws, self.draws.chunk)
        for start in progress(starts, len(starts), f"{n_draws:,} joint draws"):
            rows = slice(start, min(start + self.draws.chunk, n_draws))
            b, moves = self.draws.draw(rng, rows.stop - start)
            t[rows] = np.abs(b) / np.sqrt(np.einsum("bkc,bkc->bk", moves, moves))
            if joint:
                V = moves @ moves.swapaxes(1, 2)
                wald[rows] = np.einsum("bk,bk->b", b, np.linalg.solve(V, b[..., None])[..., 0])
        return t, wald

    def smallest_p(self, t: Array) -> Array:
        """Return the smallest of the exact p-values of every draw, (B,).

        Parameters
        ----------
        t : (B, K) array
            Absolute t statistics.
        """
        columns = zip(self.distributions, t.T, strict=True)
        return np.min([interpolated_p(distribution, column) for distribution, column in columns], 0)


def _dense_draws(exact: ExactInference, every: list[Array], usable: Mask) -> DenseDraws:
    """Form the loadings of all estimates and deviations on the shocks that move any of them."""
    estimates, scores = [], []
    for one, used in zip(every, usable.T, strict=True):
        scaled = exact.model.scale(exact.forms.loadings(one)).reshape(len(used) + 1, -1)
        change = np.where(used[:, None], scaled[1:] - scaled[0], 0.0)
        estimates.append(scaled[0])
        scores.append(change * np.sqrt(cv3.factor(used.sum())))
    moved = np.any([(s != 0).any(axis=0) for s in scores], axis=0)
    moved |= np.any([e != 0 for e in estimates], axis=0)
    return DenseDraws(
        np.stack([e[moved] for e in estimates]), np.stack([s[:, moved] for s in scores])
    )


def _product_draws(exact: ExactInference, every: list[Array], usable: Mask) -> ProductDraws:
    columns = zip(every, usable.T, strict=True)
    forms = tuple(exact.forms.products(one, used, exact.model) for one, used in columns)
    shape = (len(usable), exact.forms.n_periods)
    return ProductDraws(forms, cv3.factor(usable.sum(axis=0)), shape)


def interpolated_p(distribution: NullDistribution, t: Array) -> Array:
    """Return exact p-values of many t statistics from a table of log p over asinh t.

    A monotone cubic through 129 points: its relative error is below 1e-4, of no weight beside
    that of draws.

    Parameters
    ----------
    distribution : NullDistribution
    t : (B,) array
        Absolute values.
    """
    largest = float(t.max())
    if largest == 0:
        return np.ones(len(t))
    place, step = np.linspace(0.0, np.arcsinh(largest), _TABLE, retstep=True)
    log_p = np.log(np.maximum(distribution.p(np.sinh(place)), 1e-300))
    log_p = np.minimum.accumulate(log_p)
    secant = np.diff(log_p) / step
    # Slopes up to three times the flatter neighbour keep a cubic monotone (Fritsch and Carlson
    # 1980).
    flatter = np.maximum(np.append(secant, secant[-1]), np.append(secant[0], secant))
    slope = step * np.clip(np.gradient(log_p, step, edge_order=2), 3 * flatter, 0.0)
    x = np.arcsinh(t) / step
    i = np.minimum(x.astype(np.intp), _TABLE - 2)
    u = x - i
    rise = log_p[i + 1] - log_p[i]
    bend = u * (1 - u) * ((1 - u) * (slope[i] - rise) - u * (slope[i + 1] - rise))
    return np.asarray(np.exp(log_p[i] + u * rise + bend))


def balanced_band(
    exact: ExactInference,
    inference: Inference,
    usable: Mask,
    level: float | None = None,
    n_draws: int = DRAWS,
    seed: int = 0,
) -> Band:
    """Make a band in which every element has the same tail level of its own exact distribution.

    Parameters
    ----------
    exact : ExactInference
    inference : Inference
        Its elements with a standard error belong to the band.
    usable : (C, P) bool array
        Deletions that count.
    level : float, optional
        Coverage of the band; that of the inference without it.
    n_draws, seed : int
        Draws of the reference model.

    Returns
    -------
    Band
        `critical_value` is one for each element.

    Raises
    ------
    DesignError
        No element has a standard error.
    """
    level = inference.level if level is None else level
    at = band_elements(inference)
    forms = JointForms.of(exact, at, usable)
    t, _ = forms.draw(n_draws, seed)
    tail = float(np.quantile(forms.smallest_p(t), 1 - level))
    return Band(
        method=f"{inference.method}, balanced",
        parameters=tuple(inference.parameters[i] for i in at),
        att=inference.att[at],
        se=inference.se[at],
        critical_value=np.array([d.critical_value(1 - tail) for d in forms.distributions]),
        level=level,
        tail=tail,
        n_treated_clusters=treated_of(inference, at),
    )


def balanced_pretest(
    exact: ExactInference,
    inference: Inference,
    usable: Mask,
    n_draws: int = DRAWS,
    seed: int = 0,
) -> PreTest:
    """Test pre-treatment parameters by the smallest of their exact p-values.

    With B draws of which n have a smallest p-value as small, p = (1 + n) / (1 + B). Beside it
    stands Hotelling's F of the same parameters with the p-value that the same draws give; it does
    not exist where their covariance is singular.

    Parameters
    ----------
    exact : ExactInference
    inference : Inference
        Its pre-treatment parameters with a standard error are tested.
    usable : (C, P) bool array
        Deletions that count.
    n_draws, seed : int
        Draws of the reference model.

    Raises
    ------
    DesignError
        Nothing before treatment has a standard error.
    """
    at = elements_before_treatment(inference)
    forms = JointForms.of(exact, at, usable)
    b, V = inference.att[at], inference.vcov.to_numpy()[np.ix_(at, at)]
    try:
        F, _, _ = f_test(b, V, int(inference.df[at].min()) + 1, inference.method)
    except DesignError:
        F = np.nan
    t, wald = forms.draw(n_draws, seed, joint=bool(np.isfinite(F)))
    smallest = float(inference.p[at].min())
    return PreTest(
        method=f"smallest p ({inference.method})",
        statistic=smallest,
        p=_rank(int((forms.smallest_p(t) <= smallest).sum()), n_draws),
        df=(),
        parameters=tuple(inference.parameters[i] for i in at),
        f_statistic=float(F),
        f_p=_rank(int((wald >= b @ np.linalg.solve(V, b)).sum()), n_draws)
        if np.isfinite(F)
        else float("nan"),
    )


def _rank(as_extreme: int, n_draws: int) -> float:
    return (1 + as_extreme) / (1 + n_draws)
