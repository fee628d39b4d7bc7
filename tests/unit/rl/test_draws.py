"""What an episode draws: its patch, its first row and its costs, from the seed, the stream and its number alone."""

from __future__ import annotations

import numpy as np
from made_worlds import world_of

from keel.domain.rng_nb import EPISODE, uniforms_nb
from keel.rl.arrays import World
from keel.rl.core import EnvCore

SEED, STREAM = 77, 5
LEAST, MOST = (0.5, 1.0, 2.0, 0.1), (1.25, 1.75, 3.0, 4.0)
FIRST, LAST, END, UP_TO = (10, 600, 1500), (140, 1000, 1900), (150, 1900, 1910), (0.3, 0.8, 1.0)


def patched_world(up_to: tuple[float, ...]) -> World:
    """Build a world of three patches; episodes of the first end with it, those of the second have all their bars."""
    world = world_of(rows=2000, run={"stream": STREAM}, task={"seed": SEED, "least": LEAST, "most": MOST})
    patches = np.repeat(world.patches, 3)
    patches["first"], patches["last"], patches["end"], patches["up_to"] = FIRST, LAST, END, up_to
    return world._replace(patches=patches, slots=np.repeat(world.slots, 3, axis=0))


def drawn(e: int, episode: int, draw: int) -> tuple[float, float]:
    """Return the two uniforms of a draw of environment `e`."""
    first, second = uniforms_nb(SEED, STREAM + e, 0, episode, 0, EPISODE, draw)
    return float(first), float(second)


def test_patch_row_and_costs_are_the_draws_of_seed_stream_and_episode():
    core = EnvCore(patched_world(UP_TO), 12)
    seen = set()
    for episode in range(3):
        core.begin()
        for e, env in enumerate(core.envs):
            (which, where), costs = drawn(e, episode, 0), (*drawn(e, episode, 1), *drawn(e, episode, 2))
            patch = sum(share <= which for share in UP_TO)
            start = FIRST[patch] + int(where * (LAST[patch] - FIRST[patch]))
            assert (env["patch"], env["start_row"]) == (patch, start)
            assert env["stop_row"] == min(start + 40, END[patch])
            expected = [low + u * (high - low) for low, u, high in zip(LEAST, costs, MOST, strict=True)]
            assert env["multipliers"].tolist() == expected
            seen.add((patch, bool(env["stop_row"] == END[patch])))
    assert seen >= {(0, False), (0, True), (1, False), (2, False)}


def test_patch_ends_where_its_share_does_and_a_draw_beyond_all_shares_takes_the_last():
    which, _ = drawn(0, 0, 0)
    above = float(np.nextafter(which, 1.0))
    taken = {(above, 1.0, 1.0): 0, (which, 1.0, 1.0): 1, (0.0, above, 1.0): 1, (0.0, 0.0, which): 2}
    for up_to, patch in taken.items():
        core = EnvCore(patched_world(up_to), 1)
        core.begin()
        assert core.envs[0]["patch"] == patch
