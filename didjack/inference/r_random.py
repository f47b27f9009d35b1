"""R's random numbers from a seed, and the multipliers that `BMisc` makes from them.

Sources: `set.seed` and `unif_rand` of R (src/main/RNG.c; Mersenne Twister, R's default),
`Rcpp::sample(n, 1)` (n u + 1, cut to a whole number, for one uniform u; not the rejection
sampling of R's own `sample`), and `multiplier_bootstrap` of the R package BMisc 1.4.8.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from didjack.core.linalg import Array
from didjack.errors import DataError

WORDS = 624  # of the Mersenne Twister's state
BITS = 31  # multipliers from one whole number between 1 and 2^31 - 1
_LARGEST = 2147483647  # 2^31 - 1
_SCALE = 2.3283064365386963e-10  # 2^-32, as R writes it
_EDGE = 0.5 * 2.328306437080797e-10  # R's uniforms lie strictly between 0 and 1
_CHUNK = 2**21  # multipliers held at a time


class RStream:
    """The uniforms that R draws after `set.seed(seed)`; every call goes on where the last ended.

    Parameters
    ----------
    seed : int
        As for `set.seed`: a whole number from -2147483647 to 2147483647.

    Raises
    ------
    DataError
        The seed is not one of R's.
    """

    def __init__(self, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise DataError(f"seed must be a whole number, not {seed!r}.")
        if abs(int(seed)) > _LARGEST:
            raise DataError(f"R's seeds lie between -{_LARGEST} and {_LARGEST}, not {seed!r}.")
        self._bits = np.random.MT19937()
        self._bits.state = {
            "bit_generator": "MT19937",
            "state": {"key": scrambled_state(int(seed)), "pos": WORDS},
        }

    def skip(self, count: int) -> None:
        """Leave out some uniforms.

        Parameters
        ----------
        count : int
        """
        for start in range(0, count, _CHUNK):
            self._bits.random_raw(min(_CHUNK, count - start))

    def uniform(self, count: int) -> Array:
        """Draw as `runif(count)` does, (count,).

        Parameters
        ----------
        count : int
        """
        u = self._bits.random_raw(count) * _SCALE
        return np.where(u <= 0, _EDGE, np.where(1 - u <= 0, 1 - _EDGE, u))

    def rademacher(self, n_draws: int, n: int) -> Array:
        """Draw n signs for each of n_draws draws, (n_draws, n), as BMisc does.

        Every draw takes `uniforms_per_draw(n)` whole numbers; each of them gives 31 signs, by its
        bits from the highest to the lowest. What is left over of the last is not used.

        Parameters
        ----------
        n_draws, n : int
        """
        whole = (_LARGEST * self.uniform(n_draws * uniforms_per_draw(n)) + 1).astype(np.int64)
        bits = (whole[:, None] >> np.arange(BITS - 1, -1, -1)) & 1
        return np.asarray(bits.reshape(n_draws, -1)[:, :n] * 2.0 - 1.0)

    def perturbed_sums(self, sums: Array, n_draws: int) -> Array:
        """Draw sum_c v_c S_c with signs v_c, (n_draws, P): `multiplier_bootstrap` but for scale.

        Parameters
        ----------
        sums : (C, P) array
        n_draws : int
        """
        parts = [self.rademacher(size, len(sums)) @ sums for size in _sizes(n_draws, len(sums))]
        return np.concatenate(parts)


def uniforms_per_draw(n: int) -> int:
    """Return how many uniforms one draw of n signs takes.

    Parameters
    ----------
    n : int
    """
    return -(-n // BITS)


def scrambled_state(seed: int) -> NDArray[np.uint32]:
    """Return the 624 words that `set.seed` fills the state with, uint32.

    The seed goes 50 times through s -> 69069 s + 1 modulo 2^32; the next value is the place in
    the state, which R overwrites with 624, and the 624 after it are the state.

    Parameters
    ----------
    seed : int
    """
    words = np.empty(WORDS, dtype=np.uint32)
    s = seed % 2**32
    for _ in range(51):
        s = (69069 * s + 1) % 2**32
    for i in range(WORDS):
        s = (69069 * s + 1) % 2**32
        words[i] = s
    return words


def _sizes(n_draws: int, n: int) -> Iterator[int]:
    """Split draws into parts of which no more than `_CHUNK` signs are held at a time."""
    step = max(1, _CHUNK // max(n, 1))
    return (min(step, n_draws - start) for start in range(0, n_draws, step))
