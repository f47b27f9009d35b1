"""Who is there in every cell and replicate, and which reason counts where several apply."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import didjack as dj
from didjack.estimators.estimates import Presence, left_out_columns, presence
from didjack.sample.cells import Status


def drawn() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    units = pd.DataFrame({"unit": np.arange(30), "town": np.repeat(np.arange(6), 5)})
    units["g"] = rng.choice([0, 2, 3], 30)
    units.loc[units["town"] == 5, "g"] = 4  # this cohort leaves with its town
    frame = units.merge(pd.DataFrame({"t": [1, 2, 3, 4]}), how="cross")
    frame["x"], frame["y"] = rng.normal(size=(2, len(frame)))
    return frame.assign(wt=rng.uniform(0.5, 2, len(frame)))


@pytest.mark.parametrize("panel", [True, False])
@pytest.mark.parametrize("control", ["nevertreated", "notyettreated"])
def test_counts_by_hand(panel, control):
    frame = drawn()
    if not panel:  # cells whose cohort or controls are not seen in a period without some town
        frame = frame[~((frame["g"] == 3) & (frame["t"] == 2) & (frame["town"] != 1))]
    res = dj.att_gt(frame, "y", "t", "g", "unit" if panel else None, est_method="reg",
                    weightsname="wt", control_group=control, base_period="universal")  # fmt: skip
    cells = res.cells
    found = presence(res.panel, cells, res.clusters("town"))
    seen = frame.groupby("unit")["wt"].agg(["first", "mean"])
    for h in range(7):
        rows = frame if h == 0 else frame[frame["town"] != h - 1]
        for q, g in enumerate(res.panel.cohorts):
            of_cohort = rows[rows["g"] == (g if np.isfinite(g) and g > 0 else 0)]
            size = of_cohort["unit"].nunique() if panel else len(of_cohort)
            assert found.cohort_rows[h, q] == size
            sum_of = seen.loc[of_cohort["unit"].unique(), "first"] if panel else of_cohort["wt"]
            assert found.cohort_weight[h, q] == pytest.approx(sum_of.sum(), rel=1e-13)
        for c in range(len(cells)):
            g, t, b = cells.group[c], cells.period[c], cells.base_period[c]
            later = control == "notyettreated"
            of_control = (rows["g"] == 0) | (later & (rows["g"] > max(t, b)) & (rows["g"] != g))
            ends = [rows[rows["t"] == s] for s in (t, b)]
            treated = [(part["g"] == g).sum() for part in ends]
            control_rows = [of_control[part.index].sum() for part in ends]
            assert found.no_treated[h, c] == (min(treated) == 0)
            assert found.no_control[h, c] == (min(control_rows) == 0)
            assert found.treated[h, c] == (treated[0] if panel else sum(treated))
            assert found.control[h, c] == (control_rows[0] if panel else sum(control_rows))
            of_cohort = [part.loc[part["g"] == g] for part in ends]
            weight = (
                seen.loc[of_cohort[0]["unit"], "mean"].sum()
                if panel
                else sum(part["wt"].sum() for part in of_cohort)
            )
            assert found.cell_weight[h, c] == pytest.approx(weight, rel=1e-13, abs=1e-12)


def test_the_strongest_reason_counts():
    """Two replicates of seven cells; the last one is a base period."""
    res = dj.att_gt(drawn(), "y", "t", "g", "unit", est_method="reg", base_period="universal")
    cells = res.cells
    base, (a, b, c, d, e) = np.flatnonzero(cells.is_base)[0], np.flatnonzero(~cells.is_base)[:5]
    shape = (2, len(cells))
    none, att = np.zeros(shape, dtype=bool), np.ones(shape)
    singular, overlap, no_control, no_treated = (none.copy() for _ in range(4))
    overlap[1, a] = True
    singular[1, [a, b]] = True
    no_control[1, [b, c]] = True
    no_treated[1, c] = True
    singular[1, base] = overlap[1, base] = True
    att[1, d] = np.inf
    treated = np.ones(shape, dtype=np.int64)
    treated[0, base] = 3
    fault = np.arange(len(cells))
    present = Presence(treated, 2 * treated, no_treated, no_control,
                       np.ones((2, 4), dtype=int), np.ones((2, 4)), np.ones(shape),
                       np.ones(shape), np.ones(shape), none)  # fmt: skip
    failures = {Status.NO_OVERLAP: overlap, Status.SINGULAR: singular}
    found = present.estimates(att, failures, cells, np.zeros((2, 1), dtype=bool), fault=fault)
    assert found.status[1, [a, b, c, d, e, base]].tolist() == [
        Status.SINGULAR, Status.NO_CONTROLS, Status.NO_TREATED, Status.NO_OVERLAP, Status.OK,
        Status.BASE_PERIOD,
    ]  # fmt: skip
    assert np.isnan(found.att[1, [a, b, c]]).all() and found.att[1, e] == 1
    assert (found.att[:, cells.is_base] == 0).all()
    assert (found.status[0, ~cells.is_base] == Status.OK).all()
    assert found.status.dtype == np.int8 and not found.separated.any() and found.models == {}
    assert found.separated.shape == shape
    assert found.n_treated.tolist() == treated[0].tolist()
    assert found.n_control.tolist() == (2 * treated[0]).tolist()
    assert (found.fault[cells.is_base] == -1).all()
    assert found.fault[~cells.is_base].tolist() == fault[~cells.is_base].tolist()
    gone = dataclasses.replace(present, treated=np.zeros(shape, dtype=int), no_treated=~none)
    lost = gone.estimates(att, failures, cells, np.zeros((2, 1), dtype=bool), fault=fault)
    assert (lost.status == Status.NO_TREATED).all() and np.isnan(lost.att).all()


@pytest.mark.parametrize("changing", [True, False])
def test_columns_that_are_redundant_without_a_cluster(changing):
    """A level of one town, also where it is that town's only in some periods."""
    frame = drawn()
    local = (frame["town"] == 2) & (frame["unit"] % 2 == 0)
    frame["local"] = (local & ((frame["t"] > 2) | (not changing))).astype(float)
    frame["x"] = frame["x"] if changing else frame.groupby("unit")["x"].transform("first")
    res = dj.att_gt(frame, "y", "t", "g", "unit", xformla="~ x + local", est_method="reg")
    found = left_out_columns(res.panel, res.clusters("town"))
    assert np.argwhere(found).tolist() == [[3, 2]] and found.shape == (7, 3)
    alone = left_out_columns(res.panel, None)
    assert alone.shape == (1, 3) and not alone.any()
