"""Tests of parallel trends before treatment, and their limits with few clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, fdtrc

from didjack.core.arguments import require_instance
from didjack.core.linalg import Array
from didjack.core.results import Inference
from didjack.core.screen import count_text, p_text
from didjack.core.views import Shown
from didjack.effects.attgt import ATTgt
from didjack.effects.deletions import given_cluster
from didjack.errors import DesignError
from didjack.inference.places import places, with_error
from didjack.inference.thin import note_on_thin


@dataclass(frozen=True, repr=False)
class PreTest(Shown):
    """A joint test that q pre-treatment parameters are zero.

    Attributes
    ----------
    method : str
        "Wald", "F (CV3)" with the kind of covariance, or "smallest p (CV3, exact)".
    statistic : float
    p : float
        p-value.
    df : tuple of float
        (q,) for chi-squared, (q, second) for F; empty where draws give the p-value.
    parameters : tuple of str
        What was tested.
    f_statistic, f_p : float or None
        Beside the smallest p-value: Hotelling's F of the same parameters, and its p-value from the
        same draws. NaN where their covariance is singular, None for other tests.
    left_out : tuple of str
        Parameters before treatment that rest on fewer than `min_treated` treated clusters.
    min_treated : int
    """

    method: str
    statistic: float
    p: float
    df: tuple[float, ...]
    parameters: tuple[str, ...]
    f_statistic: float | None = None
    f_p: float | None = None
    left_out: tuple[str, ...] = ()
    min_treated: int = 0

    @property
    def notes(self) -> list[str]:
        """Sentences on what the reader of the test must know."""
        return note_on_thin(self.left_out, self.min_treated)

    @property
    def sentence(self) -> str:
        """Test, p-value, and where it holds."""
        p = p_text(self.p)
        named = f"p {p}" if p.startswith("<") else f"p = {p}"
        tested = count_text(len(self.parameters), "parameter")
        if self.left_out:
            tested += f" ({len(self.left_out)} left out, with few treated clusters)"
        if not self.df:
            return (
                f"{named} by the {self.method} of {tested}, which holds with few treated clusters "
                "under the reference model."
            )
        degrees = ", ".join(f"{df:g}" for df in self.df)
        if len(self.df) == 1:
            return (
                f"{named} by Wald's chi-squared({degrees}) = {self.statistic:.3g} of {tested}, "
                "which holds with many clusters only."
            )
        kind = self.method.removeprefix("F ")
        return f"{named} by F({degrees}) = {self.statistic:.3g} {kind} of {tested}."

    def headline(self) -> list[str]:
        """Return the test in one sentence."""
        return [f"Before treatment: {self.sentence}"]

    def to_frame(self) -> pd.DataFrame:
        """One row: method, statistic, p, degrees of freedom, how many parameters."""
        df, df2 = (*self.df, np.nan, np.nan)[:2]
        return pd.DataFrame(
            {
                "method": [self.method],
                "statistic": [self.statistic],
                "p": [self.p],
                "df": [df],
                "df2": [df2],
                "n_parameters": [len(self.parameters)],
            }
        )

    def summary(self) -> str:
        """Return a short text for people."""
        return "\n".join([*self.headline(), f"Tested: {', '.join(self.parameters)}", *self.notes])


def wald_pretest(
    res: ATTgt, clustervars: str | Sequence[str] | None = None, *, cluster: str | None = None
) -> PreTest:
    """Test all pre-treatment ATT(g,t) with the analytic covariance, as R `did` does.

    W = b' V^-1 b against chi-squared with q degrees of freedom. With few clusters it rejects
    far too often; with fewer clusters than cells it does not exist.

    Parameters
    ----------
    res : ATTgt
        From `att_gt`.
    clustervars : str, optional
        Cluster variable; the default is that of `att_gt`, None of both: the unit.
    cluster : str, optional
        Another name of clustervars.

    Raises
    ------
    DesignError
        There is no pre-treatment cell with a standard error, or the covariance is singular.
    """
    require_instance(res, "res", ATTgt, "the result of att_gt")
    return joint_pretest(res.analytic(given_cluster(clustervars, cluster) or res.beyond_unit))


def joint_pretest(inference: Inference) -> PreTest:
    """Test that all pre-treatment parameters are zero, with their joint covariance.

    With finite degrees of freedom Hotelling's F, see `f_test`, with one deletion (cluster) more
    than the smallest of them; with normal critical values the Wald test, see `wald_test`.

    Parameters
    ----------
    inference : Inference
        With a joint covariance, of an event study (event times before zero) or of ATT(g,t)
        (cells before treatment).

    Raises
    ------
    DesignError
        Nothing before treatment has a standard error, the covariance is singular, there are as
        many parameters as deletions, or there is no joint covariance.
    """
    at = elements_before_treatment(inference)
    b, names = inference.att[at], tuple(inference.parameters[i] for i in at)
    V = inference.vcov.to_numpy()[np.ix_(at, at)]
    df = float(inference.df[at].min())
    if np.isfinite(df):
        F, p, dfs = f_test(b, V, int(df) + 1, inference.method)
        return PreTest(f"F ({inference.method})", F, p, dfs, names)
    made_of = f"{inference.n_clusters} {'units' if inference.method == 'analytic' else 'clusters'}"
    W, p = wald_test(b, V, made_of)
    return PreTest("Wald", W, p, (float(len(b)),), names)


def elements_before_treatment(inference: Inference) -> list[int]:
    """Return the places of pre-treatment parameters with a standard error.

    Parameters
    ----------
    inference : Inference

    Raises
    ------
    DesignError
        There is none.
    """
    before = places(inference, lambda parameter: parameter.is_before_treatment)
    at = with_error(inference, before)
    if not at:
        raise DesignError(
            "There is no pre-treatment parameter with a standard error. Use type='dynamic' or "
            "the group-time effects, and data with two or more periods before treatment."
        )
    return at


def wald_test(b: Array, V: Array, made_of: str) -> tuple[float, float]:
    """Return W = b' V^-1 b and its p-value from chi-squared with q degrees of freedom.

    Parameters
    ----------
    b : (q,) array
    V : (q, q) array
        Covariance of b.
    made_of : str
        What V is made of, for the message, such as "50 clusters".

    Raises
    ------
    DesignError
        V is singular.
    """
    q = len(b)
    if np.linalg.cond(V, 1) >= 1 / np.finfo(float).eps:
        raise DesignError(
            f"The covariance of {q} pre-treatment parameters from {made_of} is singular, "
            "so the Wald statistic does not exist. Test fewer parameters: an event "
            "study, or its CV3 F test."
        )
    W = float(b @ np.linalg.solve(V, b))
    return W, float(chdtrc(q, W))


def f_test(
    b: Array, V: Array, n_deletions: int, method: str
) -> tuple[float, float, tuple[float, float]]:
    """Return Hotelling's F, its p-value and its degrees of freedom.

    With H deletions and q parameters, F = (H - q) / (q (H - 1)) b' V^-1 b against F(q, H - q).
    Without the factor the statistic would treat V as if it were estimated from far more than
    H - 1 deviations.

    Parameters
    ----------
    b : (q,) array
    V : (q, q) array
        Covariance of b.
    n_deletions : int
        H.
    method : str
        Kind of covariance, for the message.

    Raises
    ------
    DesignError
        There are as many parameters as deletions, or V is singular.
    """
    q, H = len(b), n_deletions
    rank = int(np.linalg.matrix_rank(V / np.sqrt(np.outer(np.diag(V), np.diag(V)))))
    if rank < q or H <= q:
        raise DesignError(
            f"{q} pre-treatment parameters cannot be tested jointly: their {method} covariance "
            f"from {H} deletions has rank {rank}. Test fewer, for example an event study with "
            "min_e closer to zero, or a single linear combination with lincom."
        )
    F = float((H - q) / (q * (H - 1)) * b @ np.linalg.solve(V, b))
    return F, float(fdtrc(q, H - q, F)), (float(q), float(H - q))
