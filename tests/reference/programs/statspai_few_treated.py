# Status: run with StatsPAI 1.40.2 and the versions in the file that it wrote.
"""Write tests/reference/statspai_few_treated.json: did_few_treated of StatsPAI.

Run with an interpreter that has StatsPAI 1.40.2 installed:

    python tests/reference/programs/statspai_few_treated.py

With one cohort, one period before treatment, equal weights and no covariates, two-way fixed effects
and the simple average of group-time effects are the same estimate. StatsPAI imposes a null value on
its residuals; with the estimate itself as that value they are the controls' deviations from the
controls' means, which are also what Conley and Taber use.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import statspai as sp

CONTROLS, PERIODS = 20, 4


def make(treated: int, seed: int) -> pd.DataFrame:
    """Draw groups by periods; the first ones are treated from the second period on."""
    rng = np.random.default_rng(seed)
    rows = []
    for g in range(treated + CONTROLS):
        size = int(rng.integers(5, 80))
        level = rng.standard_normal()
        for t in range(PERIODS):
            d = int(g < treated and t > 0)
            noise = 0.3 * rng.standard_normal() + 2 * rng.standard_normal() / np.sqrt(size)
            rows.append([g, t, d, size, round(level + 0.1 * t + 0.4 * d + noise, 12)])
    return pd.DataFrame(rows, columns=["g", "t", "d", "size", "y"])


def run(frame: pd.DataFrame, method: str) -> dict[str, object]:
    """Estimate once for the estimate, and once more with it as the null value."""
    arguments = {"y": "y", "id": "g", "time": "t", "treat": "d", "method": method}
    if method == "ferman_pinto":
        arguments["group_size"] = "size"
    first = sp.did_few_treated(frame, **arguments)
    result = sp.did_few_treated(frame, **arguments, null_value=first.estimate)
    info = result.model_info
    return {
        "estimate": result.estimate,
        "ci": list(result.ci),
        "quantile_interval": list(info["quantile_interval"]),
        "draws": result.detail["w"].tolist(),
        "variance_function": info["variance_function"],
    }


def main() -> None:
    """Run both methods on three designs."""
    warnings.simplefilter("ignore", UserWarning)
    designs = []
    for treated, seed in ((1, 4), (2, 1), (3, 2)):
        frame = make(treated, seed)
        runs = {method: run(frame, method) for method in ("conley_taber", "ferman_pinto")}
        designs.append({"treated": treated, "data": frame.to_dict("list"), "runs": runs})
    content = {"program": "StatsPAI", "version": sp.__version__, "designs": designs}
    path = Path(__file__).parents[1] / "statspai_few_treated.json"
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
