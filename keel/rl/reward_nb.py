"""What a step is worth to the agent: change of the venue's equity, after all costs, less what the config penalises.

Equity is that of the venue book at a bar's close: costs are in it already, whatever our own book knows by then.
"""

from __future__ import annotations

import math

from keel.domain.compile_nb import compiled, spliced
from keel.rl.layout import DIFFERENTIAL_SHARPE, MEAN_VARIANCE

_RUIN = -20.0
"""Log growth of an account that has lost everything."""
_LEAST_VARIANCE = 1e-8
"""Variance of a step's return that is taken to be there from the start: a deviation of one basis point."""


@spliced
def step_reward_nb(task, env, equity):
    """Return the reward of the step from `env.equity` to `equity`, and move the running figures it needs."""
    grown = math.log(equity / env.equity) if equity > 0.0 else _RUIN
    if task.reward == MEAN_VARIANCE:
        reward = _mean_variance_nb(task, env, equity)
    elif task.reward == DIFFERENTIAL_SHARPE:
        reward = _differential_sharpe_nb(task, env, grown)
    else:
        reward = grown
    fall = 1.0 - equity / env.peak_equity if equity < env.peak_equity else 0.0
    if task.drawdown_penalty > 0.0 and fall > env.drawdown:
        reward = reward - task.drawdown_penalty * (fall - env.drawdown)
    env.drawdown = fall
    if task.turnover_penalty > 0.0:
        reward = reward - task.turnover_penalty * env.turnover
    if task.cvar_penalty > 0.0:
        reward = reward - task.cvar_penalty * _tail_loss_nb(task, env, grown)
    return reward * task.reward_scale


@compiled
def _mean_variance_nb(task, env, equity):
    """Return the profit of the step less risk_aversion / 2 × its square, both in parts of the starting equity.

    The one-step form of mean-variance utility (Gârleanu and Pedersen, Dynamic Trading with Predictable Returns and
    Transaction Costs, J. Finance 68(6), 2013): over a bar a profit's square has the expectation of its variance.
    """
    profit = (equity - env.equity) / env.start_equity
    return profit - 0.5 * task.risk_aversion * profit * profit


@compiled
def _differential_sharpe_nb(task, env, grown):
    """Return by how much the step moves an exponentially weighted Sharpe ratio.

    Moody and Saffell, Learning to Trade via Direct Reinforcement, IEEE Trans. Neural Networks 12(4), 2001: with the
    running mean A and mean square B, (B ΔA − A ΔB / 2) / (B − A²)^(3/2), where ΔA = R − A and ΔB = R² − B.
    """
    by_mean, by_square = grown - env.mean, grown * grown - env.square
    variance = env.square - env.mean * env.mean
    variance = variance if variance > _LEAST_VARIANCE else _LEAST_VARIANCE
    change = (env.square * by_mean - 0.5 * env.mean * by_square) / (variance * math.sqrt(variance))
    env.mean = env.mean + task.sharpe_rate * by_mean
    env.square = env.square + task.sharpe_rate * by_square
    return change


@compiled
def _tail_loss_nb(task, env, grown):
    """Return what the loss is beyond the running quantile, over the tail: its mean is what CVaR adds to that quantile.

    Rockafellar and Uryasev, Optimization of Conditional Value-at-Risk, J. Risk 2(3), 2000. The quantile follows the
    losses by a stochastic gradient (Robbins and Monro 1951) in steps of a hundredth of the loss's size.
    """
    loss = -grown
    beyond = loss - env.quantile
    size = abs(loss) if abs(loss) > abs(env.quantile) else abs(env.quantile)
    env.quantile = env.quantile + 0.01 * size * ((1.0 if beyond > 0.0 else 0.0) - task.cvar_tail)
    return beyond / task.cvar_tail if beyond > 0.0 else 0.0
