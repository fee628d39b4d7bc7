import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import logging

from chaos.faults import draw
from chaos.lives import Stand, play, shrink

logging.disable(logging.CRITICAL)
first, last = int(sys.argv[1]), int(sys.argv[2])
met, bad, t0 = Counter(), Counter(), time.process_time()
with tempfile.TemporaryDirectory(dir="/dev/shm") as d:
    stand = Stand(Path(d))
    n = lives = orders = fills = 0
    for seed in range(first, last):
        s = draw(seed)
        try:
            v = play(stand, s)
        except BaseException:
            print("SEED", seed, s)
            traceback.print_exc()
            break
        n += 1
        if n % 250 == 0:
            print(n, lives, orders, fills, dict(bad), f"{time.process_time() - t0:.0f}", flush=True)
        lives += v.lives
        orders += v.orders
        fills += v.fills
        met += v.met
        if v.wrong:
            bad[v.wrong[0][:40]] += 1
            if sum(bad.values()) <= int(sys.argv[3]):
                m = shrink(stand, s)
                print("SEED", seed, m, v.wrong[:3], *play(stand, m).wrong[:6], sep="\n    ")
    print(n, "schedules", lives, "lives", orders, "orders", fills, "fills", f"{time.process_time() - t0:.1f} s", bad)
    print(met)
