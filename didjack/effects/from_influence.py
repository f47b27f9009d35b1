"""What group-time effects and averages of them have in common: inference by influence functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from didjack.core.results import Inference, Inferred
from didjack.core.views import view


class FromInfluence(Inferred):
    """A result with analytic inference: covariances, combinations, bands and hand-over."""

    @property
    def vcov(self) -> pd.DataFrame:
        """Joint covariance of all parameters, P x P, clustered if clustervars was given."""
        return self.inference.vcov

    def lincom(self, expression: str | Mapping[str, float]) -> Inference:
        """Infer on a linear combination of parameters: by the combined influence function.

        Parameters
        ----------
        expression : str or mapping
            For example "event:1 - event:0", or a mapping of parameter to coefficient.

        Returns
        -------
        Inference
            With one parameter.

        Raises
        ------
        DataError
            The expression cannot be read or names an unknown parameter.
        """
        return self.inference.lincom(expression)

    def band(
        self,
        level: float | None = None,
        n_draws: int = 100_000,
        seed: int = 0,
        min_treated: int = 2,
    ) -> Any:
        """Return a simultaneous band over the elements: sup-t, with the joint normal distribution.

        Parameters
        ----------
        level : float, optional
            Coverage of the band; 0.95 without it.
        n_draws, seed : int
            Draws that give the critical value.
        min_treated : int
            Elements with fewer treated clusters (or units) behind them are left out, and the band
            says which: their pointwise intervals are withheld too.

        Returns
        -------
        didjack.inference.bands.Band

        Raises
        ------
        DesignError
            No element has a standard error, or all are left out.
        """
        return view("band", self, level, n_draws, seed, min_treated)

    def to_honestdid(self, reference: float = -1, min_treated: int = 2) -> Any:
        """Hand the event study to tools for sensitivity analysis, with the analytic covariance.

        Parameters
        ----------
        reference : float
            Event time of the base period, which is left out: -1 without anticipation.
        min_treated : int
            Event times with fewer treated clusters (or units) are left out, and those beyond them.

        Returns
        -------
        didjack.inference.honestdid.HonestDiDInput

        Raises
        ------
        DesignError
            Not an event study with a universal base period, an event time without a standard
            error, or none that is not left out.
        """
        return view("honestdid", self, reference, min_treated)
