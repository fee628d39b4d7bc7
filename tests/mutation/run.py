"""Try every small fault in the compiled sources against the tests, and list those that no test finds.

    python tests/mutation/run.py --file keel/sim/costs_nb.py --jobs 2

Results are kept between runs of the same sources, so an interrupted campaign goes on where it stopped.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from mutation.campaign import SURVIVED, BrokenCheckError, Campaign, Kernel, Verdict  # noqa: E402
from mutation.checks import checks_of, collected_tests, parity_checks  # noqa: E402
from mutation.faults import Fault  # noqa: E402
from mutation.ledger import Ledger, harmless_faults, listed_without_fault  # noqa: E402
from mutation.summary import Summary, progress, show_json, show_tables  # noqa: E402

TIME_ONLY = {"keel.rl.fetch_nb"}
"""Modules that only ask for memory early: what they do changes no result, so no test can find a fault in them."""


def main() -> int:
    """Run the campaign; return 1 if a fault survives that is not known to be harmless, 2 for a wrong argument."""
    asked = _arguments()
    tests = collected_tests()
    kernel = Kernel()
    every = [fault for name, module in kernel.modules.items() if name not in TIME_ONLY for fault in module.faults()]
    faults = _chosen(every, asked)
    with progress("Drawing cases", None, quiet=asked.json):
        checks = [*checks_of(tests), *parity_checks()]
    with progress("Running the checks without a fault", len(checks), quiet=asked.json) as step:
        try:
            for _ in kernel.watch(checks):
                step()
        except BrokenCheckError as broken:
            print(f"error: {broken} fails without a fault: {broken.__cause__}", file=sys.stderr)
            return 2
    ledger = Ledger(fresh=asked.fresh)
    harmless = harmless_faults(faults)
    verdicts = [
        ledger.known(fault) or Verdict(fault, SURVIVED)
        for fault in faults
        if ledger.known(fault) or (fault.key in harmless and not asked.recheck)
    ]
    known = {verdict.fault.key for verdict in verdicts}
    with progress("Trying faults", len(faults) - len(known), quiet=asked.json) as step:
        untried = [fault for fault in faults if fault.key not in known]
        for verdict in Campaign(kernel, checks, ledger.hints, asked.jobs).verdicts(untried):
            ledger.keep(verdict)
            verdicts.append(verdict)
            step()
    summary = Summary(verdicts, harmless, listed_without_fault(every))
    (show_json if asked.json else show_tables)(summary)
    return summary.exit_code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", action="append", default=[], help="only faults in this file; may be given again")
    parser.add_argument("--jobs", type=int, default=1, help="faults tried at the same time (1)")
    parser.add_argument("--sample", type=int, default=0, help="only so many faults, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="which sample (0)")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results of these sources")
    parser.add_argument("--recheck", action="store_true", help="try the faults that are taken to be harmless, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser.parse_args()


def _chosen(every: list[Fault], asked: argparse.Namespace) -> list[Fault]:
    files = {fault.file for fault in every}
    for file in asked.file:
        if file not in files:
            print(f"error: --file {file}: no compiled source; choose from {', '.join(sorted(files))}", file=sys.stderr)
            sys.exit(2)
    faults = [fault for fault in every if not asked.file or fault.file in asked.file]
    if asked.sample and asked.sample < len(faults):
        chosen = sorted(random.Random(asked.seed).sample(range(len(faults)), asked.sample))  # noqa: S311 - no secret
        return [faults[at] for at in chosen]
    return faults


if __name__ == "__main__":
    sys.exit(main())
