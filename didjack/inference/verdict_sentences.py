"""The two sentences of a verdict."""

from __future__ import annotations

import numpy as np

from didjack.core.linalg import Array
from didjack.inference.decision import RATIOS, Decision
from didjack.inference.notes import named

_NOISE = {
    "equal": "clusters are alike",
    "autocorrelated": "shocks are autocorrelated",
    "units": "the noise of units is all there is",
}
_SCALE = {2.0: "treated clusters vary twice as much", 0.5: "treated clusters vary half as much"}


def basis_sentence(
    parameter: str,
    n_treated: int,
    n_clusters: int,
    effective_treated: float,
    effective: float,
    decision: Decision | None,
) -> str:
    """Say what stands behind the number, and which inference to believe.

    Parameters
    ----------
    parameter : str
    n_treated, n_clusters : int
        Clusters treated behind it, and all.
    effective_treated, effective : float
        Effective numbers of both.
    decision : Decision or None
        None without an exact p-value.
    """
    are = "is" if n_treated == 1 else "are"
    behind = f"{n_treated} of {n_clusters} clusters {are} treated behind {named(parameter)}"
    if decision is None:
        return f"{behind}, which has no exact p-value."
    behind += f" (as many as {effective_treated:.3g} of {effective:.3g} equal ones)"
    level, worst = _percent(decision.alpha), _largest(decision.sizes)
    size = _percent(float(f"{decision.sizes[worst]:.2g}"))
    if decision.exact_decides:
        return (
            f"{behind}; the exact p-value decides, since its {level} test rejects a true null "
            f"hypothesis in at most {size} under all {len(decision.sizes)} models of the errors "
            "that are tried."
        )
    return (
        f"{behind}; the exact p-value alone does not decide, since its {level} test would reject "
        f"a true null hypothesis in {size} if {condition(decision, worst)}: a finding must be "
        f"significant under all {len(decision.sizes)} models of the errors that are tried."
    )


def finding_sentence(
    parameter: str, rule: str, p: Array, ratios: tuple[float, float], decision: Decision | None
) -> str:
    """Say what the rule makes of the finding.

    Parameters
    ----------
    parameter : str
    rule : {"exact", "strict", "none"}
    p : (K,) array
        In the models of the decision.
    ratios : (float, float)
        Above and below one, at which the exact p-value passes the level.
    decision : Decision or None
        None without an exact p-value.
    """
    if decision is None:
        return f"There is no verdict on {named(parameter)}."
    level, worst = _percent(decision.alpha), _largest(p)
    exact, effect = f"exact p = {p[0]:.3g}", named(parameter)
    effect = effect.replace("the overall", "The overall")
    if p[0] > decision.alpha:
        return f"{effect} is not significant at {level} ({exact})."
    if rule == "exact":
        return f"{effect} is significant at {level} ({exact})."
    if rule == "strict":
        largest = f", and {p[worst]:.3g} if {condition(decision, worst)}" if worst else ""
        return f"{effect} is significant at {level} under all of them ({exact}{largest})."
    return (
        f"No test holds its level here: {exact}, but {p[worst]:.3g} if "
        f"{condition(decision, worst)}{_loss(ratios, level)}."
    )


def condition(decision: Decision, k: int) -> str:
    """Say in which respect model k is not the reference model; empty for that one.

    Parameters
    ----------
    decision : Decision
    k : int
    """
    model = decision.models[k] if k >= len(RATIOS) else ""
    words = [_NOISE.get(model, ""), _SCALE.get(float(decision.ratios[k]), "")]
    return " and ".join(word for word in words if word)


def _loss(ratios: tuple[float, float], level: str) -> str:
    """Say at which ratio between half and twice the finding loses its significance, if at one."""
    above, below = ratios
    lost = f"; significance at {level} is lost once treated clusters vary"
    if above <= max(RATIOS):
        return f"{lost} {above:.3g} times as much"
    if below >= min(RATIOS):
        return f"{lost} {below:.3g} times as much or less"
    return ""


def _largest(values: Array) -> int:
    """Return the place of the largest value, the first of those equal to it up to rounding."""
    return int(np.argmax(values >= values.max() * (1 - 1e-6)))


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
