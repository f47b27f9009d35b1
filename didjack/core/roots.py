"""The root of an increasing function that is nearly a line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_FARTHEST = 200.0  # from the start
_STEPS = 200
_CLOSE = 1e-13  # value of the function at which the search ends
_PRECISION = 2e-15  # of the place


def increasing_root(function: Callable[[float], float], start: float) -> float:
    """Find the root of an increasing function.

    Parameters
    ----------
    function : callable
        May be infinite, but not NaN.
    start : float

    Returns
    -------
    float
        Where no change of sign is found within 200, a place beyond.

    Notes
    -----
    The root is bracketed by secants that reach further, then narrowed by inverse quadratic
    interpolation or bisection (Chandrupatla 1997).
    """
    a, fa = start, function(start)
    if abs(fa) < _CLOSE:
        return a
    b = a - (2.2 * fa if np.isfinite(fa) else 1.0)
    fb = function(b)
    while fa * fb > 0:
        if abs(fb) < _CLOSE or abs(b - start) > _FARTHEST:
            return b
        slope = (fb - fa) / (b - a)
        reach = -1.2 * fb / slope if np.isfinite(slope) and slope > 0 else -np.sign(fb)
        a, fa = b, fb
        b = b + float(np.clip(reach, -9 * max(1.0, abs(b - start)), 9 * max(1.0, abs(b - start))))
        fb = function(b)
    part = 0.5 if not np.isfinite(fa - fb) else float(np.clip(fa / (fa - fb), 0.01, 0.99))
    best, value = (a, fa) if abs(fa) < abs(fb) else (b, fb)
    for _ in range(_STEPS):
        middle = a + part * (b - a)
        fm = function(middle)
        c, fc = (a, fa) if np.sign(fm) == np.sign(fa) else (b, fb)
        if np.sign(fm) != np.sign(fa):
            b, fb = a, fa
        a, fa = middle, fm
        best, value = (a, fa) if abs(fa) < abs(fb) else (b, fb)
        smallest = _PRECISION * max(1.0, abs(best)) / abs(b - a) if a != b else 1.0
        if smallest > 0.5 or abs(value) < _CLOSE:
            break
        part = _interpolated(a, fa, b, fb, c, fc)
        part = min(max(part, smallest), 1 - smallest)
    return best


def _interpolated(a: float, fa: float, b: float, fb: float, c: float, fc: float) -> float:
    """Return the share of the way from a to b at which to look next."""
    if not np.isfinite(fb) or not np.isfinite(fc) or fc in (fa, fb):
        return 0.5
    xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
    if phi**2 < xi and (1 - phi) ** 2 < 1 - xi:
        near = fa / (fb - fa) * fc / (fb - fc)
        far = (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        return float(near + far)
    return 0.5
