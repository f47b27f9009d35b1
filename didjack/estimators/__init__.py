"""The estimators of one cell: ATT(g,t) in every replicate, and influence functions.

Where the formulas stand. SZ is Sant'Anna and Zhao (2020), CS Callaway and Sant'Anna (2021); the two
numbers of CS are those with never treated and with not yet treated controls.

| file | panel | cross-sections | for each cohort and period |
|---|---|---|---|
| `reg` | SZ (2.2) | SZ (2.2) | CS (2.3), (2.6) |
| `ipw` | SZ (4.1) | SZ (4.2) | CS (2.2), (2.5) |
| `dr` | SZ (3.1) | SZ (3.4) | CS (2.4), (2.7) |
| `ipw_ht` | Abadie (2005), R's `ipw_did_panel` | R's `ipw_did_rc` | |
| `drimp` | SZ (3.1) and Section 3.1 | SZ (3.4) and Section 3.2 | CS (2.4), (2.7) |

In cross-sections `dr_rc1` and `drimp_rc1`, of the files `dr` and `drimp`, have SZ (3.3) in place of
(3.4): the treated are not regressed. In panels they are `dr` and `drimp`.

Each file has the influence functions too, but for those of `reg`, in `reg_influence`. Propensity
models are in `propensity`, the weights made from them in `odds`, what Stata does under separation
in `csdid_rule`. Weights that are fixed in time and pairwise balancing give cells samples of their
own: `parts`. Functions of the user's own are put to work in `own`. `registry` is the one list of
estimators, with the words for each. The other files go through cells and replicates, and hold no
formula of a paper.
"""

from didjack.estimators.registry import (
    ESTIMATORS,
    Estimator,
    Registered,
    estimator,
    own_estimator,
)

__all__ = ["ESTIMATORS", "Estimator", "Registered", "estimator", "own_estimator"]
