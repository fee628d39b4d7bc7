"""One step of many environments: decide, let the venue play the next row, pay the reward, show the close.

Each environment is a run of the simulator's own kernel with its own start, stream and costs. `keel.sim.kernel_nb`
knows nothing of episodes, and this file nothing of orders.
"""

from __future__ import annotations

from keel.domain.compile_nb import compiled_apart, spliced
from keel.domain.layout import VENUE
from keel.domain.orders import EventKind, RunStatus, TradingState
from keel.domain.rng_nb import EPISODE, uniforms_nb
from keel.rl.fetch_nb import fetch_ahead_nb
from keel.rl.reward_nb import step_reward_nb
from keel.rl.view_nb import count_held_nb, show_nb
from keel.sim.kernel_nb import play_nb
from keel.sim.start_nb import start_run_nb
from keel.sim.stress_nb import scale_costs_nb


@compiled_apart
def step_envs_nb(
    bars, fine, actions, rates, features, task, patches, run_template, slot_templates,
    runs, slots, orders, tapes, envs, held, weights, mark, shown, terminal, ended, first, last, waiting_only,
):  # fmt: skip
    """Step the environments first … last - 1 by `weights` (B, N); those whose episode ends begin the next one.

    An environment *waits* where its episode has just begun, or where it has decided and there was no room to play on:
    it then plays without deciding. Return how many wait for room; with `waiting_only` nobody else steps. The arrays are
    those of `keel.rl.arrays` and `keel.rl.core`; `mark` is MARK (1,), for this call alone.
    """
    starved = 0
    for e in range(first, last):
        fetch_ahead_nb(bars, features, runs, e, last)
        env, run = envs[e], runs[e]
        if waiting_only and not env.waits:
            continue
        while True:
            # Nobody decides where an environment waits; no row has targets of its own.
            play_nb(
                bars, fine, actions, rates, weights[e, : 0 if env.waits else held.shape[1]], rates[:0], mark,
                runs[e : e + 1], slots[e], orders[e], tapes[e], run.row + 1,
            )  # fmt: skip
            env.waits = run.status == RunStatus.NO_ROOM
            if env.waits:
                starved += 1
                break
            count_held_nb(slots[e], held[e])
            if env.fresh:
                env.fresh = 0
            else:
                _count_fills_nb(run, env, tapes[e])
                _close_step_nb(task[0], run, env)
                if env.terminated or env.truncated:
                    show_nb(features, task[0], run, slots[e], orders[e], held[e], terminal[e])
                    ended[e] = env
                    if task[0].begins_anew:
                        begin_episode_nb(
                            bars, rates, task, patches, run_template, slot_templates, runs, slots, envs, held, e
                        )
                        continue
            _rewind_tape_nb(run, env, e & (tapes.shape[1] - 1))
            show_nb(features, task[0], run, slots[e], orders[e], held[e], shown[e])
            break
    return starved


@compiled_apart
def begin_episode_nb(bars, rates, task, patches, run_template, slot_templates, runs, slots, envs, held, e):
    """Draw a patch, a start and the costs of the environment's next episode; its first row is still to be played.

    The draws depend on the seed, the environment's stream and the episode's number alone.
    """
    env, run, asked = envs[e], runs[e], task[0]
    stream = run_template[0].stream + e
    which, where = uniforms_nb(asked.seed, stream, 0, env.episode, 0, EPISODE, 0)
    patch = 0
    while patch < len(patches) - 1 and patches[patch].up_to <= which:
        patch += 1
    chosen = patches[patch]
    env.patch = patch
    env.start_row = chosen.first + int(where * (chosen.last - chosen.first))
    env.stop_row = min(env.start_row + asked.episode_bars, chosen.end)
    runs[e] = run_template[0]
    run.stream = stream
    for i in range(held.shape[1]):
        slots[e, i] = slot_templates[patch, i]
        held[e, i] = 0
    _draw_costs_nb(asked, env, stream)
    scale_costs_nb(run, slots[e], env.multipliers)
    start_run_nb(bars, rates, runs[e : e + 1], slots[e], env.start_row)
    _clear_nb(env, run)
    env.episode += 1


@spliced
def _close_step_nb(task, run, env):
    """Pay the reward and say whether the episode is over: a latch or ruin ends it, time only cuts it off."""
    equity = run.equity[VENUE]
    env.reward = step_reward_nb(task, env, equity)
    env.rewards = env.rewards + env.reward
    env.steps += 1
    env.equity = equity
    if equity > env.peak_equity:
        env.peak_equity = equity
    if env.drawdown > env.max_drawdown:
        env.max_drawdown = env.drawdown
    latched = run.trading_state != TradingState.ACTIVE and task.ends_at_latch != 0
    env.terminated = run.status != RunStatus.RUNNING or latched
    env.truncated = not env.terminated and run.row > env.stop_row


@spliced
def _count_fills_nb(run, env, tape):
    """Add up what the step's fills traded and paid."""
    traded = 0.0
    for at in range(env.counted, run.tape_tail):
        event = tape[at & (len(tape) - 1)]
        if event.kind == EventKind.FILLED:
            env.fills += 1
            traded = traded + event.qty * event.price * event.rate
            env.fees = env.fees + event.fee
            env.spread_costs = env.spread_costs + event.spread_cost
            env.impact_costs = env.impact_costs + event.impact_cost
    env.notional = env.notional + traded
    env.turnover = traded / env.equity if env.equity > 0.0 else 0.0


@spliced
def _rewind_tape_nb(run, env, start):
    """Forget what has been counted; a tape with nothing on its way is written from `start` again, near at hand.

    Each environment has a start of its own: tapes lie a power of two apart, and caches cannot hold many such lines.
    """
    if run.tape_head == run.tape_tail:
        run.tape_head = start
        run.tape_tail = start
        run.told_from = start
    env.counted = run.tape_tail
    run.tape_drained = run.tape_tail


@spliced
def _draw_costs_nb(task, env, stream):
    """Draw the multipliers of fee, spread, impact and latency, each uniform in its range."""
    fee, spread = uniforms_nb(task.seed, stream, 0, env.episode, 0, EPISODE, 1)
    impact, latency = uniforms_nb(task.seed, stream, 0, env.episode, 0, EPISODE, 2)
    env.multipliers[0] = task.least[0] + fee * (task.most[0] - task.least[0])
    env.multipliers[1] = task.least[1] + spread * (task.most[1] - task.least[1])
    env.multipliers[2] = task.least[2] + impact * (task.most[2] - task.least[2])
    env.multipliers[3] = task.least[3] + latency * (task.most[3] - task.least[3])


@spliced
def _clear_nb(env, run):
    equity = run.equity[VENUE]
    env.waits = 1
    env.fresh = 1
    env.steps = 0
    env.start_equity = equity
    env.equity = equity
    env.peak_equity = equity
    env.drawdown = 0.0
    env.max_drawdown = 0.0
    env.rewards = 0.0
    env.fills = 0
    env.notional = 0.0
    env.fees = 0.0
    env.spread_costs = 0.0
    env.impact_costs = 0.0
    env.counted = 0
    env.mean = 0.0
    env.square = 0.0
    env.quantile = 0.0
    env.turnover = 0.0
