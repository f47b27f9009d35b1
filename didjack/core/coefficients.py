"""Results as columns of coefficient tables: the protocol that `maketables` reads.

`maketables.ETable([...])` takes any object with attributes of these names, so that results stand
beside models of pyfixest, statsmodels and linearmodels. Nothing of it is imported here. Word,
LaTeX and HTML files come from ``ETable.save``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

STATISTICS = {
    "N": "Observations",
    "n_units": "Units",
    "n_clusters": "Clusters",
    "n_treated_clusters": "Treated clusters",
    "se_type": "S.E. type",
    "critical": "Critical values",
    "est_method": "Estimator",
    "control_group": "Controls",
    "level": "Level",
}
SHOWN = ["N", "n_clusters", "n_treated_clusters", "se_type"]


class CoefficientTable:
    """A result that is a column of a coefficient table."""

    def coefficient_frame(self) -> pd.DataFrame:
        """Return parameter, att, se, t, p, ci_low, ci_high, one row per coefficient."""
        raise NotImplementedError

    def coefficient_names(self) -> Sequence[str]:
        """Return the names of the rows, in the order of `coefficient_frame`."""
        raise NotImplementedError

    def table_facts(self) -> dict[str, Any]:
        """Return what stands under the column, by the keys of `STATISTICS`; level at least."""
        raise NotImplementedError

    @property
    def outcome(self) -> str:
        """Name of the outcome, which heads the column."""
        return ""

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        frame = self.coefficient_frame()
        percent = f"{100 * self.table_facts()['level']:g}"
        table = pd.DataFrame(
            {
                "b": frame["att"],
                "se": frame["se"],
                "t": frame["t"],
                "p": frame["p"],
                f"ci{percent}l": frame["ci_low"],
                f"ci{percent}u": frame["ci_high"],
            }
        )
        words = [_row_name(name) for name in self.coefficient_names()]
        return table.set_axis(pd.Index(words, name="Coefficient"))

    def __maketables_stat__(self, key: str) -> Any:
        return self.table_facts().get(key)

    @property
    def __maketables_depvar__(self) -> str:
        return self.outcome

    @property
    def __maketables_fixef_string__(self) -> None:
        return None

    @property
    def __maketables_var_labels__(self) -> None:
        return None

    @property
    def __maketables_vcov_info__(self) -> dict[str, Any]:
        facts = self.table_facts()
        return {"vcov_type": facts.get("method"), "clustervar": facts.get("cluster")}

    @property
    def __maketables_stat_labels__(self) -> dict[str, str]:
        return dict(STATISTICS)

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        facts = self.table_facts()
        return [key for key in SHOWN if facts.get(key) is not None]


def _row_name(name: str) -> str:
    """Write a parameter in words: a colon would be read as an interaction of two variables."""
    words = getattr(name, "words", None)
    return str(words) if words else str(name).replace(":", " ")


def se_type(method: str, cluster: str | None) -> str:
    """Say how standard errors were made, as in "CV3, exact, by state".

    Parameters
    ----------
    method : str
    cluster : str or None
        Cluster variable; None: the unit.
    """
    return f"{method}, by {cluster}" if cluster else method
