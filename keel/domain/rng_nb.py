"""Counter-based randomness: the one file that the simulator and its reference share.

Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, SC'11): ten rounds over a
128-bit counter under a 64-bit key. A draw depends on its key and counter alone, never on what was drawn before. The
normal quantile is Wichura's PPND16 (Algorithm AS 241, Applied Statistics 37(3), 1988): only + - * / sqrt log, as rule
20 asks, with a relative error near 1e-16.
"""

from __future__ import annotations

import math

import numpy as np

from keel.domain.compile_nb import compiled

ENTRY_JITTER = 1
"""Purpose of a draw: jitter and spike of an order's way to the venue."""
RESPONSE_JITTER = 2
"""Purpose of a draw: jitter and spike of an event's way back."""
CANCEL_JITTER = 3
"""Purpose of a draw: jitter and spike of a cancel's way to the venue."""
PRICE_PATH = 4
"""Purpose of a draw: a node of the bridge inside a bar."""
AMEND_JITTER = 5
"""Purpose of a draw: jitter and spike of an amend's way to the venue."""
EPISODE = 6
"""Purpose of a draw: where a training episode begins and what its execution costs; the counter's time is its number."""

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_UNIT = 2.0**-52


@compiled
def philox_nb(c0, c1, c2, c3, k0, k1):
    """Return the four 32-bit words of Philox4x32-10 for a counter and key of 32-bit words, all as uint64."""
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _MASK, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _MASK
        k0 = (k0 + _W0) & _MASK
        k1 = (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@compiled
def uniforms_nb(seed, stream, instrument_hash, ts_ms, seq, purpose, draw):
    """Return two uniforms in (0, 1) for a key (seed, stream) and a counter.

    Counter words: instrument hash; low 32 bits of `ts_ms`; high bits of `ts_ms` with `seq` above them (12 bits and 20);
    purpose with `draw` above it (8 bits and 24). A uniform is (n + 0.5) / 2^52 for the top 52 bits of two words, so it
    is never 0 or 1.
    """
    ts = np.uint64(ts_ms)
    w0, w1, w2, w3 = philox_nb(
        np.uint64(instrument_hash),
        ts & _MASK,
        (ts >> _SHIFT) | (np.uint64(seq) << np.uint64(12)),
        np.uint64(purpose) | (np.uint64(draw) << np.uint64(8)),
        np.uint64(seed),
        np.uint64(stream),
    )
    first = (np.float64((w0 << np.uint64(20)) | (w1 >> np.uint64(12))) + 0.5) * _UNIT
    second = (np.float64((w2 << np.uint64(20)) | (w3 >> np.uint64(12))) + 0.5) * _UNIT
    return first, second


@compiled
def normal_quantile_nb(u):
    """Return the standard normal quantile of `u` in (0, 1) (AS 241, PPND16)."""
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * _central_nb(r)
    r = u if q < 0.0 else 1.0 - u
    r = math.sqrt(-math.log(r))
    tail = _near_tail_nb(r - 1.6) if r <= 5.0 else _far_tail_nb(r - 5.0)
    return -tail if q < 0.0 else tail


@compiled
def _central_nb(r):
    top = 2.5090809287301226727e3
    top = top * r + 3.3430575583588128105e4
    top = top * r + 6.7265770927008700853e4
    top = top * r + 4.5921953931549871457e4
    top = top * r + 1.3731693765509461125e4
    top = top * r + 1.9715909503065514427e3
    top = top * r + 1.3314166789178437745e2
    top = top * r + 3.3871328727963666080e0
    low = 5.2264952788528545610e3
    low = low * r + 2.8729085735721942674e4
    low = low * r + 3.9307895800092710610e4
    low = low * r + 2.1213794301586595867e4
    low = low * r + 5.3941960214247511077e3
    low = low * r + 6.8718700749205790830e2
    low = low * r + 4.2313330701600911252e1
    low = low * r + 1.0
    return top / low


@compiled
def _near_tail_nb(r):
    top = 7.74545014278341407640e-4
    top = top * r + 2.27238449892691845833e-2
    top = top * r + 2.41780725177450611770e-1
    top = top * r + 1.27045825245236838258e0
    top = top * r + 3.64784832476320460504e0
    top = top * r + 5.76949722146069140550e0
    top = top * r + 4.63033784615654529590e0
    top = top * r + 1.42343711074968357734e0
    low = 1.05075007164441684324e-9
    low = low * r + 5.47593808499534494600e-4
    low = low * r + 1.51986665636164571966e-2
    low = low * r + 1.48103976427480074590e-1
    low = low * r + 6.89767334985100004550e-1
    low = low * r + 1.67638483018380384940e0
    low = low * r + 2.05319162663775882187e0
    low = low * r + 1.0
    return top / low


@compiled
def _far_tail_nb(r):
    top = 2.01033439929228813265e-7
    top = top * r + 2.71155556874348757815e-5
    top = top * r + 1.24266094738807843860e-3
    top = top * r + 2.65321895265761230930e-2
    top = top * r + 2.96560571828504891230e-1
    top = top * r + 1.78482653991729133580e0
    top = top * r + 5.46378491116411436990e0
    top = top * r + 6.65790464350110377720e0
    low = 2.04426310338993978564e-15
    low = low * r + 1.42151175831644588870e-7
    low = low * r + 1.84631831751005468180e-5
    low = low * r + 7.86869131145613259100e-4
    low = low * r + 1.48753612908506148525e-2
    low = low * r + 1.36929880922735805310e-1
    low = low * r + 5.99832206555887937690e-1
    low = low * r + 1.0
    return top / low
