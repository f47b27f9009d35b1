"""Linear regression with clustered data: what deleting each cluster does, CV1 to CV3, leverage.

A textbook's regression beside the estimators of the package, for pages that do it by hand. With
X = QR and H_gg = X_g (X'X)^{-1} X_g', Q_g'(I - H_gg)^p = (I - Q_g'Q_g)^p Q_g': CV1, CV2 and CV3
weigh the scores Q_g'u_g by the powers 0, -1/2 and -1 of k x k matrices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import solve_triangular

from didjack.core import cv3
from didjack.core.coefficients import CoefficientTable
from didjack.core.linalg import Array, Index
from didjack.core.moments import delete_one
from didjack.core.results import SHOWN, Inference
from didjack.core.screen import count_text, screen_table
from didjack.core.views import Shown
from didjack.errors import DataError, DesignError
from didjack.regression.leave_out import LeaveOut, deletions, reason, row_scores
from didjack.regression.leverage import (
    effective_number,
    leverage_of,
    partial_leverage_of,
    sum_within,
)

ROWS = ("iid", "hc0", "hc1", "hc2", "hc3")
CLUSTERED = ("cv1", "cv2", "cv3", "cv3j")


@dataclass(frozen=True, eq=False, repr=False)
class Regression(Shown, CoefficientTable):
    """A regression of y on X by least squares; n rows, k columns, G clusters.

    Attributes
    ----------
    coef : Series, length k
        Coefficients by name.
    residuals : (n,) array
    labels : Index, length G
        Clusters, sorted.
    code : (n,) int array
        Cluster of each row.
    level : float
        Coverage of the intervals.
    Q, R : (n, k) and (k, k) arrays
        Orthonormal and triangular factor of X.
    """

    coef: pd.Series
    residuals: Array = field(repr=False)
    labels: pd.Index = field(repr=False)
    code: Index = field(repr=False)
    level: float
    Q: Array = field(repr=False)
    R: Array = field(repr=False)

    @property
    def n_clusters(self) -> int:
        """Number of clusters G."""
        return len(self.labels)

    @cached_property
    def bread(self) -> Array:
        """(X'X)^{-1}, (k, k)."""
        return self._outer(np.eye(len(self.R)))

    def _outer(self, middle: Array) -> Array:
        """Turn a (k, k) matrix for the coefficients of Q into the one for those of X."""
        half = solve_triangular(self.R, middle)
        return np.asarray(solve_triangular(self.R, half.T).T)

    @cached_property
    def _scores(self) -> Array:
        """Q_g'u_g of every cluster, (G, k)."""
        return sum_within(self.Q * self.residuals[:, None], self.code, self.n_clusters)

    @cached_property
    def _deletions(self) -> LeaveOut:
        return deletions(self.Q, self.code, self.n_clusters)

    @cached_property
    def without(self) -> pd.DataFrame:
        """Coefficients without each cluster, (G, k); NaN where X'X is singular without it.

        beta_(g) = (X'X - X_g'X_g)^{-1} (X'y - X_g'y_g) (MacKinnon, Nielsen and Webb 2023,
        Journal of Applied Econometrics). Both differences are summed over the other clusters, so
        that nothing cancels, and for the residuals instead of y, which gives the change.
        """
        change = self._deletions.weigh(delete_one(self._scores)[1:], -1.0)
        change = solve_triangular(self.R, change.T).T
        change[~self._deletions.kept] = np.nan
        return pd.DataFrame(change, self.labels, self.coef.index) + self.coef

    @cached_property
    def skipped(self) -> pd.DataFrame:
        """Clusters whose deletion makes X'X singular: cluster, reason.

        CV3 goes without them, and in CV2 (I - H_gg)^{-1/2} is a pseudo-inverse for them.
        """
        skipped = np.flatnonzero(~self._deletions.kept)
        lost = [solve_triangular(self.R, self._deletions.directions_lost(g)) for g in skipped]
        length = np.linalg.norm(self.R, axis=0)[:, None]  # of the columns of X
        reasons = [reason(length * combination, self.coef.index) for combination in lost]
        return pd.DataFrame({"cluster": self.labels[skipped], "reason": reasons})

    @property
    def cv1(self) -> Array:
        """G/(G-1) (n-1)/(n-k) (X'X)^{-1} sum_g X_g'u_g u_g'X_g (X'X)^{-1}, (k, k).

        MacKinnon, Nielsen and Webb (2023), Journal of Econometrics.
        """
        G, (n, k) = self.n_clusters, self.Q.shape
        return G / (G - 1) * (n - 1) / (n - k) * self._outer(self._scores.T @ self._scores)

    @property
    def cv2(self) -> Array:
        """As CV1 with (I - H_gg)^{-1/2} u_g for u_g and without factor, (k, k).

        Bell and McCaffrey (2002), with the symmetric square root; a pseudo-inverse for the
        clusters in `skipped`.
        """
        scores = self._deletions.weigh(self._scores, -0.5)
        return self._outer(scores.T @ scores)

    @property
    def cv3(self) -> Array:
        """(H-1)/H sum_g (beta_(g) - beta)(beta_(g) - beta)' over H deletions, (k, k).

        H = G unless some are `skipped`; NaN for H < 2. Then equal to (G-1)/G (X'X)^{-1}
        [sum_g X_g' (I - H_gg)^{-1} u_g u_g' (I - H_gg)^{-1} X_g] (X'X)^{-1} (MacKinnon, Nielsen
        and Webb 2023, Journal of Econometrics; Hansen 2025).
        """
        return self._jackknife("estimate")

    @property
    def cv3j(self) -> Array:
        """As CV3, centred at the mean of the beta_(g), (k, k)."""
        return self._jackknife("mean")

    def _jackknife(self, center: str) -> Array:
        beta, without = self.coef.to_numpy(), self.without.to_numpy()
        return cv3.covariance(*cv3.deviations(beta, without, center))

    def vcov(self, kind: str) -> Array:
        """Return a covariance matrix, (k, k).

        Parameters
        ----------
        kind : {"cv1", "cv2", "cv3", "cv3j", "iid", "hc0", "hc1", "hc2", "hc3"}
            Clustered; u'u/(n-k) (X'X)^{-1}; or White's and the others of MacKinnon and White
            (1985) which, like "iid", are made of rows whatever the clusters.

        Raises
        ------
        DataError
            There is no such kind.
        """
        if kind in CLUSTERED:
            return np.asarray(getattr(self, kind))
        if kind not in ROWS:
            raise DataError(
                f"There is no kind '{kind}'. Choose from {', '.join(CLUSTERED + ROWS)}."
            )
        n, k = self.Q.shape
        if kind == "iid":
            return float(self.residuals @ self.residuals) / (n - k) * self.bread
        scores = row_scores(self.Q, self.residuals, kind)
        return self._outer(scores.T @ scores)

    def se(self, kind: str) -> pd.Series:
        """Return standard errors by name, (k,); for `kind` see `vcov`.

        Parameters
        ----------
        kind : str
            One of those of `vcov`.
        """
        return pd.Series(np.sqrt(np.diag(self.vcov(kind))), index=self.coef.index, name=kind)

    def df(self, kind: str) -> float:
        """Degrees of freedom: G - 1, H - 1 for CV3 and CV3J, n - k for kinds made of rows.

        Parameters
        ----------
        kind : str
            One of those of `vcov`.
        """
        if kind in ROWS:
            return float(self.Q.shape[0] - self.Q.shape[1])
        count = int(self._deletions.kept.sum()) if kind in ("cv3", "cv3j") else self.n_clusters
        return float(count - 1) if count > 1 else np.nan

    def tests(self, kind: str) -> pd.DataFrame:
        """Return coef, se, t, p, ci_low, ci_high, df by name; for `kind` see `vcov`.

        Parameters
        ----------
        kind : str
            One of those of `vcov`.
        """
        frame = (
            self.inference(kind)
            .to_frame()
            .set_axis(self.coef.index)
            .rename(columns={"att": "coef"})
        )
        return frame[["coef", "se", "t", "p", "ci_low", "ci_high", "df"]]

    def inference(self, kind: str = "cv3") -> Inference:
        """Return the inference on all coefficients; for `kind` see `vcov`.

        Parameters
        ----------
        kind : str
            One of those of `vcov`.
        """
        beta, se = self.coef.to_numpy(), self.se(kind).to_numpy()
        names, df = tuple(map(str, self.coef.index)), np.full(len(se), self.df(kind))
        return Inference(kind.upper(), names, beta, se, df, self.n_clusters, self.level)

    def to_frame(self) -> pd.DataFrame:
        """One row per coefficient with CV3: parameter, coef, se, t, p, ci_low, ci_high, df."""
        frame = self.tests("cv3").rename_axis("parameter").reset_index()
        return frame

    def coefficient_frame(self) -> pd.DataFrame:
        """Return the coefficients with CV3; ``inference(kind)`` is a column of another kind."""
        return self.inference().to_frame()

    def coefficient_names(self) -> tuple[str, ...]:
        """Return the columns of X."""
        return self.inference().parameters

    def table_facts(self) -> dict[str, Any]:
        """Return sizes, and how standard errors were made."""
        return {**self.inference().table_facts(), "N": len(self.residuals)}

    @property
    def warnings(self) -> list[str]:
        """A sentence on the deletions that CV3 goes without; empty for none."""
        if self.skipped.empty:
            return []
        n = len(self.skipped)
        return [f"CV3 goes without {count_text(n, 'deletion')}: X'X is singular; see .skipped."]

    def headline(self) -> list[str]:
        """Return the coefficients with CV3, up to twelve rows."""
        rows = count_text(len(self.residuals), "row")
        return [
            f"Least squares, CV3 with {100 * self.level:g}% intervals: {rows}, "
            f"{count_text(self.n_clusters, 'cluster')}",
            screen_table(self.to_frame(), limit=SHOWN),
        ]

    def summary(self) -> str:
        """Return a short text for people."""
        head = self.headline()[0]
        return "\n".join([head, "", screen_table(self.to_frame()), *self.warnings])

    @property
    def leverage(self) -> pd.Series:
        """L_g = trace of H_gg; they add up to k (MacKinnon, Nielsen, Webb 2023, Stata Journal)."""
        traces = leverage_of(self.Q, self.code, self.n_clusters)
        return pd.Series(traces, index=self.labels, name="leverage")

    def partial_leverage(self, name: object) -> pd.Series:
        """Return the share of each cluster in the variation of a column beyond the others.

        x_g'x_g / x'x, where x is the column's residual on the other columns (MacKinnon, Nielsen
        and Webb 2023, The Stata Journal); the shares add up to one.

        Parameters
        ----------
        name : label
            Column of X.

        Raises
        ------
        DataError
            There is no such column.
        """
        share = partial_leverage_of(self._loading(name), self.code, self.n_clusters)
        return pd.Series(share, index=self.labels, name=str(name))

    def effective_clusters(self, name: object, rho: float = 0.0) -> float:
        """Return the effective number of clusters of a coefficient, G/(1 + Gamma).

        Gamma = 1/G sum_g (gamma_g / mean gamma - 1)^2, gamma_g = a_g' Omega_g a_g, where a is
        the coefficient's column of X (X'X)^{-1} and Omega_g = rho 11' + (1 - rho) I (Carter,
        Schnepel and Steigerwald 2017, "Asymptotic behavior of a t-test robust to cluster
        heterogeneity").

        Parameters
        ----------
        name : label
            Column of X.
        rho : float
            Correlation of the errors within clusters, 0 to 1.

        Raises
        ------
        DataError
            There is no such column, or rho is outside 0 to 1.
        DesignError
            With rho = 1 all gamma_g are zero: the column varies only within clusters.
        """
        if not 0 <= rho <= 1:
            raise DataError(f"rho must lie between 0 and 1, not {rho!r}.")
        number = effective_number(self._loading(name), self.code, self.n_clusters, rho)
        if np.isnan(number):
            raise DesignError(
                f"Column '{name}' adds up to zero within every cluster once the others are "
                "partialled out, so that G* is 0/0 for rho = 1. Choose a smaller rho."
            )
        return number

    def _loading(self, name: object) -> Array:
        """Column of X (X'X)^{-1}, (n,): proportional to the column's residual on the others."""
        if name not in self.coef.index:
            raise DataError(f"X has no column '{name}'. Columns: {list(self.coef.index[:12])}.")
        unit = (self.coef.index == name).astype(np.float64)
        return np.asarray(self.Q @ solve_triangular(self.R, unit, trans="T"))
