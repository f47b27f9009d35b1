"""What a jackknife says of several parameters at once, and of one under other models."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from didjack.core.arguments import require_seed, require_share, require_whole
from didjack.core.linalg import Index, Mask
from didjack.core.results import Inference, Inferred, combination
from didjack.core.withheld import FEW_TREATED, notes_on_few_treated
from didjack.effects.parameters import Parameter
from didjack.effects.target import Target
from didjack.errors import DesignError
from didjack.inference.bands import Band, sup_t_band
from didjack.inference.exact import ExactInference
from didjack.inference.exact_joint import DRAWS, balanced_band, balanced_pretest
from didjack.inference.honest import HonestBounds, honest_bounds
from didjack.inference.honestdid import UNIVERSAL, HonestDiDInput, honestdid_input
from didjack.inference.places import places
from didjack.inference.pretest import PreTest, joint_pretest
from didjack.inference.sensitivity import Sensitivity, sensitivity
from didjack.inference.thin import leave_out_thin
from didjack.inference.verdict import Jackknifed, Verdict, verdict

MIN_TREATED = 2  # treated clusters that an element of a band or a joint test rests on at least
# With t more: on castle's event study without effects F rejects in 14% and a 95% band covers 86%
# with elements on two treated clusters and more, 8% and 91% on six and more (200 normal samples).
MIN_TREATED_T = FEW_TREATED + 1
_OF_BOUNDS = (
    "Bounds that use it are no inference either.",
    "Bounds that use them may hold too little.",
)


class JointTests(Inferred):
    """Bands, tests before treatment, hand-over and sensitivity of a jackknife.

    A class of its own for the length of the file only: `Jackknife` is the one that has them.
    """

    target: Target
    level: float
    exact: ExactInference | None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is estimated."""
        raise NotImplementedError

    @property
    def n_treated_clusters(self) -> Index:
        """Clusters with treated units behind each parameter, (P,)."""
        raise NotImplementedError

    @property
    def usable(self) -> Mask:
        """Which deletions enter, (C, P)."""
        raise NotImplementedError

    def lincom(self, expression: str | Mapping[str, float]) -> Inference:
        """Infer on a linear combination of parameters."""
        raise NotImplementedError

    def band(
        self,
        level: float | None = None,
        n_draws: int | None = None,
        seed: int = 0,
        min_treated: int | None = None,
    ) -> Band:
        """Return a simultaneous band over the elements of an aggregation.

        With critical="t" a sup-t band: its critical value is the quantile of the largest absolute
        entry of a multivariate t with the correlation of the joint CV3 covariance. With
        critical="exact" a balanced band: every element has its own exact critical value, all at
        one tail level, which draws of the reference model give. Elements without a standard error
        (base periods) are left out.

        Parameters
        ----------
        level : float, optional
            Coverage of the band; that of the jackknife without it.
        n_draws : int, optional
            Draws that give the critical values: 100,000 for sup-t and 20,000 for exact ones
            without it.
        seed : int
            Of these draws.
        min_treated : int, optional
            Elements with fewer treated clusters behind them are left out, and the band says which.
            Without it 2 with critical="exact" and 6 with "t", which needs more.

        Raises
        ------
        DesignError
            No element has a standard error, or all are left out.
        """
        if level is not None:
            require_share(level=level)
        _require_draws(n_draws, seed)
        enough = self._enough_treated(min_treated)
        among = places(self.inference, lambda parameter: parameter.is_element)
        kept, left_out = leave_out_thin(self.inference, self.n_treated_clusters, enough, among)
        if self.exact is None:
            band = sup_t_band(kept, level, 100_000 if n_draws is None else n_draws, seed)
        else:
            n_draws = DRAWS if n_draws is None else n_draws
            band = balanced_band(self.exact, kept, self.usable, level, n_draws, seed)
        return dataclasses.replace(band, left_out=left_out, min_treated=enough)

    def pretest(
        self, n_draws: int = DRAWS, seed: int = 0, min_treated: int | None = None
    ) -> PreTest:
        """Test that all pre-treatment parameters are zero.

        With critical="t" by their joint CV3 covariance: with H deletions and q parameters,
        F = (H - q) / (q (H - 1)) b' V^-1 b against F(q, H - q), Hotelling's form. With
        critical="exact" by the smallest of their exact p-values, which draws of the reference model
        calibrate; F, calibrated by the same draws, stands beside it.

        Parameters
        ----------
        n_draws, seed : int
            Draws of the reference model, with critical="exact".
        min_treated : int, optional
            As in `band`.

        Raises
        ------
        DesignError
            Nothing before treatment has a standard error, or all is left out. With critical="t"
            also if there are as many parameters as deletions, or the covariance is singular.
        """
        _require_draws(n_draws, seed)
        enough = self._enough_treated(min_treated)
        among = places(self.inference, lambda parameter: parameter.is_before_treatment)
        kept, left_out = leave_out_thin(self.inference, self.n_treated_clusters, enough, among)
        if self.exact is None:
            test = joint_pretest(kept)
        else:
            test = balanced_pretest(self.exact, kept, self.usable, n_draws, seed)
        return dataclasses.replace(test, left_out=left_out, min_treated=enough)

    def to_honestdid(self, reference: float = -1, min_treated: int | None = None) -> HonestDiDInput:
        """Hand the event study to tools for sensitivity analysis.

        Parameters
        ----------
        reference : float
            Event time of the base period, which is left out: -1 without anticipation.
        min_treated : int, optional
            2 without it. Event times beyond one that is left out are left out too: the tools take
            event times to follow on each other.

        Raises
        ------
        DesignError
            Not an event study with a universal base period, an event time without a standard
            error, or none that is not left out.
        """
        if self.target.estimation.options.base_period != "universal":
            raise DesignError(UNIVERSAL)
        enough = MIN_TREATED if min_treated is None else min_treated
        counts = self.n_treated_clusters if enough else None
        return honestdid_input(self.inference, reference, counts, enough)

    def honest(
        self,
        type: str = "relative_magnitude",
        Mbarvec: Sequence[float] | None = None,
        Mvec: Sequence[float] | None = None,
        *,
        e: float = 0,
        l_vec: Sequence[float] | None = None,
        level: float | None = None,
        reference: float = -1,
        min_treated: int | None = None,
    ) -> HonestBounds:
        """Bound an effect of the event study where trends may diverge (Rambachan and Roth 2023).

        From the event study and its joint CV3 covariance, with normal critical values, whether the
        jackknife has t or exact ones.

        Parameters
        ----------
        type : {"relative_magnitude", "smoothness"}
            After treatment trends diverge at most Mbar times as much between periods as before; or
            their slope changes by at most M between periods.
        Mbarvec, Mvec, e, l_vec
            As for `didjack.inference.honest.honest_bounds`.
        level : float, optional
            Coverage; that of the jackknife without it.
        reference, min_treated
            As for `to_honestdid`.

        Raises
        ------
        DataError
            An argument is out of range, unknown, or belongs to the other type.
        DesignError
            As for `to_honestdid` and `didjack.inference.honest.honest_bounds`.
        """
        handed = self.to_honestdid(reference, min_treated)
        used = np.isin(self.parameters, [f"event:{time:g}" for time in handed.event_times])
        cautions = notes_on_few_treated(self.parameters, self.n_treated_clusters, used, _OF_BOUNDS)
        level = self.level if level is None else level
        return honest_bounds(
            handed, type, Mbarvec, Mvec, e=e, l_vec=l_vec, level=level, cautions=cautions
        )

    def sensitivity(
        self,
        parameter: str = "overall",
        alpha: float | None = None,
        ratios: Sequence[float] | None = None,
    ) -> Sensitivity:
        """Let the clusters treated behind a parameter vary more or less than the reference model.

        With critical="t" the exact p-values are those of `with_exact`.

        Parameters
        ----------
        parameter : str
            Or a linear combination, as for `lincom`.
        alpha : float, optional
            Significance level; without it 1 - level of the jackknife.
        ratios : sequence of float, optional
            Ratios of standard deviations at which p is computed; 1/8 to 8 without it.

        Returns
        -------
        Sensitivity

        Raises
        ------
        DesignError
            There are no exact critical values.
        DataError
            The parameter is unknown, or an argument is out of range.
        """
        jk = self.with_exact
        assert jk.exact is not None  # that is what it has
        _, at, weights = combination(parameter, jk.parameters)
        coefficients = np.zeros(len(jk.parameters))
        coefficients[at] = weights
        usable = np.asarray(jk.usable[:, at].all(axis=1))
        behind = jk.exact.forms.treated[:, coefficients != 0].any(axis=1)
        return sensitivity(
            parameter=parameter,
            t=float(jk.lincom(parameter).t[0]),
            forms=jk.exact.ratio(coefficients, usable),
            alpha=1 - self.level if alpha is None else alpha,
            n_treated_clusters=int(behind.sum()),
            assumption=jk.exact.model.assumption,
            ratios=ratios,
        )

    def verdict(self, parameter: str = "overall", alpha: float | None = None) -> Verdict:
        """Say whether a finding is significant, and which inference to believe.

        By one rule for all designs, which `didjack.inference.verdict.verdict` and
        `didjack.inference.decision` state with its simulated sizes. With critical="t" the exact
        p-values are those of `with_exact`.

        Parameters
        ----------
        parameter : str
            Or a linear combination, as for `lincom`.
        alpha : float, optional
            Significance level; without it 1 - level of the jackknife.

        Returns
        -------
        Verdict

        Raises
        ------
        DesignError
            There are no exact critical values.
        DataError
            The parameter is unknown, or alpha is not between 0 and 1.
        """
        return verdict(self.with_exact, parameter, 1 - self.level if alpha is None else alpha)

    @property
    def with_exact(self) -> Jackknifed:
        """The same with exact critical values."""
        raise NotImplementedError

    def _enough_treated(self, min_treated: int | None) -> int:
        if min_treated is not None:
            return min_treated
        return MIN_TREATED_T if self.exact is None else MIN_TREATED


def _require_draws(n_draws: object, seed: object) -> None:
    if n_draws is not None:
        require_whole(least=1, n_draws=n_draws)
    require_seed(seed)
