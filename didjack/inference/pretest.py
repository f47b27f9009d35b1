"""Tests of parallel trends before treatment, and their limits with few clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from didjack.core.analytic import cluster_sums
from didjack.core.linalg import Array, Index
from didjack.effects.attgt import ATTgt
from didjack.errors import DesignError

if TYPE_CHECKING:
    from didjack.inference.jackknife import Jackknife


@dataclass(frozen=True)
class PreTest:
    """A joint test that q pre-treatment parameters are zero.

    Attributes
    ----------
    method : str
        "Wald", "F (CV3)" or "F (CV3J)".
    statistic : float
    p : float
        p-value.
    df : tuple of float
        (q,) for chi-squared, (q, second) for F.
    parameters : tuple of str
        What was tested.
    """

    method: str
    statistic: float
    p: float
    df: tuple[float, ...]
    parameters: tuple[str, ...]


def wald_pretest(res: ATTgt, cluster: str | None = None) -> PreTest:
    """Test all pre-treatment ATT(g,t) with the analytic covariance, as R `did` does.

    W = n b' V^-1 b against chi-squared with q degrees of freedom. With few clusters it rejects
    far too often; with fewer clusters than cells it does not exist.

    Parameters
    ----------
    res : ATTgt
        From `att_gt`.
    cluster : str, optional
        Cluster variable; the default is clustervars, None of both: the unit.

    Raises
    ------
    DesignError
        There is no pre-treatment cell with a standard error, or the covariance is singular.
    """
    name = cluster if cluster is not None else res.beyond_unit
    code = res.unit_clusters(name)
    psi = res.influence
    pre = ~res.cells.post & res.estimable & ~res.cells.is_base
    _require(np.flatnonzero(pre))
    sums = psi[:, pre] if code is None else cluster_sums(psi[:, pre], code)
    V = sums.T @ sums / res.n
    b = res.att[pre]
    if np.linalg.cond(V, 1) >= 1 / np.finfo(float).eps:
        raise DesignError(_singular(len(b), len(sums), "units" if code is None else "clusters"))
    W = float(res.n * b @ np.linalg.solve(V, b))
    names = tuple(np.array(res.parameters)[pre].tolist())
    return PreTest("Wald", W, float(stats.chi2.sf(W, len(b))), (float(len(b)),), names)


def f_pretest(jk: Jackknife) -> PreTest:
    """Test the pre-treatment parameters of a jackknife with their joint CV3 covariance.

    Hotelling's form: with H deletions and q parameters,
    F = (H - q) / (q (H - 1)) b' V^-1 b against F(q, H - q). Without the factor the statistic
    would treat V as if it were estimated from far more than H - 1 deviations.

    Parameters
    ----------
    jk : Jackknife
        Of an event study (event times before zero) or of ATT(g,t) (cells before treatment).

    Raises
    ------
    DesignError
        Nothing before treatment has a standard error, or there are as many parameters as
        deletions, or the covariance is singular.
    """
    b, names, at = _pretreatment(jk)
    q = len(b)
    H = int(jk.inference.df[at].min()) + 1
    V = jk.vcov.to_numpy()[np.ix_(at, at)]
    rank = int(np.linalg.matrix_rank(V / np.sqrt(np.outer(np.diag(V), np.diag(V)))))
    if rank < q or H <= q:
        raise DesignError(
            f"{q} pre-treatment parameters cannot be tested jointly: their CV3 covariance from "
            f"{H} deletions has rank {rank}. Test fewer, for example an event study with min_e "
            "closer to zero, or a single linear combination with lincom."
        )
    F = float((H - q) / (q * (H - 1)) * b @ np.linalg.solve(V, b))
    return PreTest(
        f"F ({jk.method})", F, float(stats.f.sf(F, q, H - q)), (float(q), float(H - q)), names
    )


def _pretreatment(jk: Jackknife) -> tuple[Array, tuple[str, ...], Index]:
    if isinstance(jk.target, ATTgt):
        before = ~jk.target.cells.post
    else:
        before = np.array(
            [n.startswith("event:") and float(n.split(":")[1]) < 0 for n in jk.parameters]
        )
    at = np.flatnonzero(before & np.isfinite(jk.inference.se))
    _require(at)
    return jk.inference.att[at], tuple(jk.parameters[i] for i in at), at


def _require(found: Index) -> None:
    if len(found) == 0:
        raise DesignError(
            "There is no pre-treatment parameter with a standard error. Use type='dynamic' or "
            "the group-time effects, and data with two or more periods before treatment."
        )


def _singular(q: int, n: int, what: str) -> str:
    return (
        f"The covariance of {q} pre-treatment cells from {n} {what} is singular, so the Wald "
        "statistic does not exist. Test fewer parameters: an event study, or its CV3 F test."
    )
