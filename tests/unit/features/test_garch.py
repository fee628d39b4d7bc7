"""The GARCH filter against arch's own, and the fit where it has to say no."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from arch.univariate import GARCH, ZeroMean
from made_features import market, section_of

from keel.domain.errors import DataError
from keel.features.garch import MOST_BETA, fit_garch
from keel.features.kinds import own_features
from keel.features.series import Garch, Series

FITTED = Garch(omega=2e-6, alpha=0.09, beta=0.88, variance=6e-5)


def filtered(bars, garch):
    [(_, values)] = own_features(section_of({"kind": "garch"}), Series("S0", bars[:, 0], {}, garch))
    return values


def returns_of(bars):
    return np.diff(np.log(bars["close"][:, 0]))


def test_filter_is_archs_conditional_volatility_of_the_next_bar():
    bars = market(600)
    returns = returns_of(bars)
    parameters = np.array([FITTED.omega, FITTED.alpha, FITTED.beta])
    process, bounds = GARCH(1, 0, 1), np.column_stack([np.zeros(len(returns)), np.full(len(returns), 1e9)])
    # arch gives the variance of each bar before it is seen; the first stands on a backcast
    sigma2 = process.compute_variance(parameters, returns, np.zeros_like(returns), FITTED.variance, bounds)
    ours = filtered(bars, replace(FITTED, variance=sigma2[0]))
    np.testing.assert_allclose(ours[1:-1], np.sqrt(sigma2[1:]), rtol=1e-12)
    assert np.isnan(ours[0])


def test_last_value_is_archs_forecast():
    bars = market(3000)
    returns = returns_of(bars)
    model = ZeroMean(100 * returns, volatility=GARCH(1, 0, 1), rescale=False)
    with warnings.catch_warnings():
        result = model.fit(disp="off", show_warning=False)
    omega, alpha, beta = result.params
    ours = filtered(bars, Garch(omega / 1e4, alpha, beta, float(np.mean(returns**2))))
    forecast = result.forecast(horizon=1).variance.to_numpy()[-1, 0]
    assert ours[-1] == pytest.approx(np.sqrt(forecast) / 100, rel=1e-9)


def test_fit_is_archs_whatever_the_scale_of_the_returns():
    returns = returns_of(market(3000))
    fitted = fit_garch("S0", returns)
    with warnings.catch_warnings():
        theirs = ZeroMean(100 * returns, volatility=GARCH(1, 0, 1), rescale=False).fit(disp="off", show_warning=False)
    omega, alpha, beta = theirs.params
    assert (fitted.alpha, fitted.beta) == pytest.approx((alpha, beta), abs=2e-3)
    assert fitted.omega == pytest.approx(omega / 1e4, rel=0.05)
    assert fitted.variance == np.mean(returns**2)
    assert (fitted.alpha, fitted.beta) == pytest.approx((0.08, 0.9), abs=0.04)
    small = fit_garch("S0", returns * 1e-3)
    assert (small.alpha, small.beta) == pytest.approx((fitted.alpha, fitted.beta), rel=1e-6)


def test_fit_of_very_many_returns_finds_what_made_them():
    variance, returns = 5e-7, []
    for shock in np.random.default_rng(2).normal(size=400_000).tolist():
        returns.append(variance**0.5 * shock)
        variance = 5e-9 + 0.08 * returns[-1] ** 2 + 0.91 * variance
    fitted = fit_garch("S0", np.array(returns))
    # by the sum of the log-likelihood the answer is where the optimiser begins, 0.1 and 0.88
    assert (fitted.alpha, fitted.beta) == pytest.approx((0.08, 0.91), abs=3e-3)
    assert fitted.omega == pytest.approx(5e-9, rel=0.1)


def test_noise_always_has_a_fit_and_beta_has_its_bound():
    for seed in range(12):
        fitted = fit_garch("S0", np.random.default_rng(seed).normal(0, 1e-3, 500))
        assert 0.0 <= fitted.beta <= MOST_BETA
        assert 0.0 <= fitted.alpha < 0.3
    # the optimiser gets stuck at this one if it looks at the sum of the log-likelihood
    assert fit_garch("S0", np.random.default_rng(7).normal(0, 1e-3, 3000)).variance > 0.0


def test_returns_that_do_not_cluster_have_a_constant_volatility():
    fitted = fit_garch("S0", np.random.default_rng(0).normal(0, 1e-3, 3000))
    assert fitted == Garch(fitted.variance, 0.0, 0.0, fitted.variance)


def test_fit_leaves_the_filters_of_warnings_alone():
    before = list(warnings.filters)
    fit_garch("S0", returns_of(market(300)))
    assert warnings.filters == before


def test_few_returns_and_prices_that_never_move_are_refused():
    with pytest.raises(DataError, match="feature garch of S0: 99 returns to fit it to, at least 100"):
        fit_garch("S0", np.full(99, 1e-3))
    with pytest.raises(DataError, match="feature garch of S0: its closes never move in the training rows"):
        fit_garch("S0", np.zeros(200))
