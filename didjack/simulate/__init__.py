"""Monte Carlo: designs, draws, and how often each test rejects."""

from __future__ import annotations

from didjack.simulate.compared import CSDID_TESTS, LABELS, LEVELS, Settings
from didjack.simulate.designs import Design
from didjack.simulate.draws import draw_means, unit_frame
from didjack.simulate.engine import Engine
from didjack.simulate.placebo import Placebo, placebo_laws
from didjack.simulate.planning import Plan, plan
from didjack.simulate.runner import run_study
from didjack.simulate.studies import Study, load_study, shipped_studies

__all__ = [
    "CSDID_TESTS",
    "LABELS",
    "LEVELS",
    "Design",
    "Engine",
    "Placebo",
    "Plan",
    "Settings",
    "Study",
    "draw_means",
    "load_study",
    "placebo_laws",
    "plan",
    "run_study",
    "shipped_studies",
    "unit_frame",
]
