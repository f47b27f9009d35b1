"""Jackknife and exact p-values under fixed weights, pairwise balancing and trimming.

Deletions are compared with a loop that drops the rows of a cluster and estimates afresh, to the
tolerance of `test_jackknife_bruteforce`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd
import pytest
from designs import Drawn, designs
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_jackknife_bruteforce import AGGREGATION, check, compare, loop_over_clusters

import didjack as dj

RULES = ("varying", "base_period", "first_period")
METHODS = ("reg", "ipw", "dr")


@dataclass(frozen=True)
class WithOptions(Drawn):
    """A design with further arguments of att_gt."""

    options: dict[str, Any] = field(default_factory=dict)

    @property
    def kwargs(self) -> dict[str, Any]:
        return super().kwargs | self.options


def with_options(drawn: Drawn, **options: Any) -> WithOptions:
    known = {f.name: getattr(drawn, f.name) for f in fields(drawn)}
    return WithOptions(**known | {"weight": "wt"}, options=options)


def with_zeros(drawn: Drawn) -> Drawn:
    """Take the weight of about a fifth of the rows away."""
    frame = drawn.frame.assign(wt=drawn.frame["wt"].where(drawn.frame["wt"] > 0.8, 0.0))
    known = {f.name: getattr(drawn, f.name) for f in fields(drawn)}
    return Drawn(**known | {"frame": frame, "weight": "wt"})


@settings(max_examples=20, phases=(Phase.generate,))
@given(designs(panel=True, covariates=1, methods=METHODS, anticipation=1), st.sampled_from(RULES),
       AGGREGATION)  # fmt: skip
def test_fixed_weights_in_balanced_panels(drawn, rule, aggregation):
    check(with_options(drawn, fix_weights=rule), aggregation)


@settings(max_examples=20, phases=(Phase.generate,))
@given(designs(True, 1, METHODS, anticipation=1, unbalanced=True), st.sampled_from(RULES),
       AGGREGATION)  # fmt: skip
def test_fixed_weights_in_unbalanced_panels(drawn, rule, aggregation):
    check(with_options(drawn, fix_weights=rule), aggregation)


PAIR = {"allow_unbalanced_panel": False, "balance": "pair"}


@settings(max_examples=20, phases=(Phase.generate,))
@given(designs(True, 0, METHODS, anticipation=1, unbalanced=True), AGGREGATION)
def test_pairwise_balancing(drawn, aggregation):
    check(with_options(drawn, **PAIR), aggregation)


@settings(max_examples=20, phases=(Phase.generate,))
@given(designs(True, 1, METHODS, anticipation=1, unbalanced=True),
       st.sampled_from((None, *RULES)), AGGREGATION)  # fmt: skip
def test_pairwise_balancing_with_covariate_and_fixed_weights(drawn, rule, aggregation):
    check(with_options(drawn, fix_weights=rule, **PAIR), aggregation)


@settings(max_examples=20, phases=(Phase.generate,))
@given(designs(True, 1, METHODS), AGGREGATION)
def test_weights_of_zero_in_panels(drawn, aggregation):
    check(with_zeros(drawn), aggregation)


@settings(max_examples=20, phases=(Phase.generate,))
@given(designs(False, 1, METHODS), AGGREGATION)
def test_weights_of_zero_in_cross_sections(drawn, aggregation):
    check(with_zeros(drawn), aggregation)


@settings(max_examples=20, phases=(Phase.generate,))
@given(st.booleans().flatmap(lambda panel: designs(panel, 1, ("ipw", "dr"))), AGGREGATION)
def test_trimming_levels(drawn, aggregation):
    check(with_options(drawn, pscoretrim=0.4), aggregation)


# --- nobody is never treated ------------------------------------------------------------------


def without_never(seed: int) -> Drawn:
    """Draw three cohorts in eight clusters; the last one in two of them, or in a single one."""
    rng = np.random.default_rng(seed)
    cohorts = [2002, 2002, 2003, 2003, 2002, 2003, 2004, 2004 if seed % 2 else 2003]
    units = pd.DataFrame({"unit": np.arange(24), "cluster": np.repeat(np.arange(8), 3)})
    units["g"] = np.array(cohorts)[units["cluster"]]
    frame = units.merge(pd.DataFrame({"t": range(2000, 2006)}), how="cross")
    frame["y"] = rng.normal(size=len(frame)) + (frame["t"] >= frame["g"])
    drawn = Drawn(frame, True, (), None, "nevertreated", "varying")
    return WithOptions(
        **{f.name: getattr(drawn, f.name) for f in fields(drawn)}, options={"last_as_never": True}
    )


@pytest.mark.parametrize("type_", ["simple", "group", "calendar", "dynamic"])
@pytest.mark.parametrize("seed", [1, 2])
def test_last_cohort_as_never_treated(seed, type_):
    drawn = without_never(seed)
    loop = loop_over_clusters(drawn.frame, drawn.kwargs, drawn.scale)
    aggregation = {"type": type_}
    compare(dj.jackknife(dj.aggte(loop.full, **aggregation)), loop, aggregation)
    later = dj.att_gt(drawn.frame, **drawn.kwargs | {"control_group": "notyettreated"})
    assert not np.array_equal(later.att, loop.full.att)


# --- improved estimation, in a design where no deletion leaves tilting without a solution ---------


def eight_clusters(seed: int) -> pd.DataFrame:
    """Draw eight clusters of nine units over four periods; some rows are missing."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"unit": np.arange(72), "cluster": np.repeat(np.arange(8), 9)})
    units["g"] = rng.choice([0, 0, 2002, 2003], size=72)
    frame = units.merge(pd.DataFrame({"t": range(2000, 2004)}), how="cross")
    frame["x1"] = rng.normal(size=len(frame)) + 0.2 * (frame["g"] > 0)
    frame["wt"] = rng.uniform(0.5, 2.0, size=len(frame))
    frame["y"] = rng.normal(size=len(frame)) + 0.5 * frame["x1"]
    return frame.drop(index=rng.choice(len(frame), 20, replace=False)).reset_index(drop=True)


@pytest.mark.parametrize(
    "options",
    [
        *({"balance": "none", "fix_weights": rule} for rule in RULES),
        *({"balance": "pair", "fix_weights": rule} for rule in (None, *RULES)),
        {"balance": "full", "fix_weights": "varying"},
        {"balance": "none", "pscoretrim": 0.4},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["dr", "drimp"])
def test_options_in_larger_clusters(method, options):
    frame = eight_clusters(3)
    drawn = Drawn(frame, True, ("x1",), "wt", "notyettreated", "universal", method)
    drawn = with_options(drawn, allow_unbalanced_panel=False, **options)
    loop = loop_over_clusters(frame, drawn.kwargs, drawn.scale)
    for weights in ("did", "csdid"):
        aggregation = {"type": "dynamic", "weights": weights}
        agg = dj.aggte(loop.full, **aggregation)
        compare(dj.jackknife(agg), loop, aggregation)
    exact = dj.jackknife(agg, critical="exact").inference
    assert ((exact.p > 0) & (exact.p < 1))[np.isfinite(exact.se)].all()
    plain = dj.att_gt(frame, **drawn.kwargs | {"fix_weights": None, "pscoretrim": 0.995})
    if options.get("fix_weights") == "varying" and options["balance"] == "none":
        np.testing.assert_array_equal(plain.att, loop.full.att)  # each row has its own anyway
    elif options != {"balance": "pair", "fix_weights": None}:
        assert not np.allclose(plain.att, loop.full.att, rtol=1e-6)
    else:
        full = dj.att_gt(frame, **drawn.kwargs | {"balance": "full"})
        assert not np.allclose(full.att, loop.full.att, rtol=1e-6)
