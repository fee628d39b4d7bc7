"""The command that fits costs and latency from recorded fills."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keel.domain.errors import UsageError

if TYPE_CHECKING:
    from keel.app.wire_fill_market import Asked
    from keel.report.calibration import Calibrated


FillsArgument = Annotated[
    str, typer.Argument(metavar="FILLS", help="A finished run (id or folder), or a CSV or Parquet file of fills.")
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="Config that knows the fills' bars, ticks and zone; a run's own without it.")
]
BarsOption = Annotated[Path | None, typer.Option(help="File of the bar store, for fills of one symbol.")]
OutOption = Annotated[Path | None, typer.Option(help="Config section to write, such as configs/costs.yaml.")]
PlotOption = Annotated[
    Path | None, typer.Option(metavar="FILE.png", help="Draw slippage against participation, with the law.")
]
ConfidenceOption = Annotated[float, typer.Option(help="Confidence of the intervals; 0.5 to 0.999.")]
SeasonalityOption = Annotated[
    bool, typer.Option("--seasonality", help="Fit hour-of-week tables, too, where fills are enough.")
]
SymbolOption = Annotated[
    list[str] | None, typer.Option(help="Symbol to fit; several are fitted together, as a config has one spread.")
]
ColumnsOption = Annotated[str, typer.Option(help="Columns that are called otherwise, such as price=px,side=direction.")]
TimezoneOption = Annotated[str | None, typer.Option(help="Zone of times that name none, such as UTC.")]
TimeframeOption = Annotated[str | None, typer.Option(help="Length of the bars that column bar_volume is of.")]
TickOption = Annotated[float | None, typer.Option(help="Price step; else the config's, or that of the prices.")]
ArtifactsOption = Annotated[Path, typer.Option(help="Folder that a run's id is looked up in.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that this command did not write.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the fit as JSON instead of tables.")]


def calibrate_costs(
    fills: FillsArgument,
    *,
    config: ConfigOption = None,
    bars: BarsOption = None,
    out: OutOption = None,
    plot: PlotOption = None,
    confidence: ConfidenceOption = 0.95,
    seasonality: SeasonalityOption = False,
    symbol: SymbolOption = None,
    columns: ColumnsOption = "",
    timezone: TimezoneOption = None,
    timeframe: TimeframeOption = None,
    tick: TickOption = None,
    artifacts: ArtifactsOption = Path("artifacts"),
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fit half-spread, impact coefficient and latency from recorded fills, each with its confidence interval.

    FILLS needs side, qty, price and ts_ms (or time). With reference_price, the mid at the fill, the spread is fitted; \
with bars (--config, --bars or columns bar_volume and volatility_bps) the impact; with submitted and accepted the way \
to the venue, with response the way back. What is missing is said and left out. docs/calibration.md tells more.

    Examples:

        python scripts/calibrate_costs.py sim-20260102-030405 --out costs.yaml

        python scripts/calibrate_costs.py fills.csv --config configs/config_sim.yaml --plot slippage.png

        python scripts/calibrate_costs.py fills.csv --columns price=px,reference_price=mid --timezone UTC --json

    To use the result, name it last under extends in a config.

    Exit code 0: something was fitted. 2: nothing could be, or files or options that cannot be used.
    """
    from keel.app.wire_fill_market import Asked
    from keel.data.recorded_fills import parse_fill_columns

    _refuse_options(confidence, tick, config, bars)
    _refuse_outputs(out, plot, force=force)
    names = parse_fill_columns(columns)
    asked = Asked(fills, config, bars, tuple(symbol or ()), timeframe, tick, timezone, names, artifacts)
    told = _calibrated(asked, confidence, seasonality=seasonality)
    _write(told, out, plot)
    _tell(told, [each for each in (out, plot) if each is not None], as_json=as_json)


def _calibrated(asked: Asked, confidence: float, *, seasonality: bool) -> Calibrated:
    from keel.app.wire_fills import gather
    from keel.report.calibration import Calibrated
    from keel.sim.calibration.calibrate import calibrate

    gathered = gather(asked)
    found = calibrate(gathered.recording, gathered.laws, confidence, seasonality=seasonality)
    if not found.parameters:
        raise UsageError(f"{gathered.where}: nothing can be fitted: {'; '.join(found.warnings)}")
    return Calibrated(found, gathered.where, gathered.recording.fills, gathered.notes, confidence)


def _refuse_options(confidence: float, tick: float | None, config: Path | None, bars: Path | None) -> None:
    if not 0.5 <= confidence <= 0.999:
        raise UsageError(f"--confidence {confidence:g}: write a number from 0.5 to 0.999, such as 0.95")
    if tick is not None and not 0 <= tick < 1e6:
        raise UsageError(f"--tick {tick:g}: write the venue's price step, such as 0.01, or 0 for none")
    if config is not None and bars is not None:
        raise UsageError("--config and --bars both name bars: give one of them")


def _refuse_outputs(out: Path | None, plot: Path | None, *, force: bool) -> None:
    from keel.report.calibration import SIGNATURE

    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {plot}: write a name that ends with .png")
    for option, path, mark in (("--out", out, SIGNATURE.encode()), ("--plot", plot, b"\x89PNG")):
        if path is None or not path.exists():
            continue
        if path.is_dir():
            raise UsageError(f"{option} {path}: is a folder; name a file")
        if not force and not path.read_bytes().startswith(mark):
            raise UsageError(f"{option} {path}: exists and was not written by this command: choose another, or --force")


def _write(told: Calibrated, out: Path | None, plot: Path | None) -> None:
    from keel.runs.disk import disk_errors_named, make_folder

    content: list[tuple[Path, bytes]] = []
    if plot is not None:
        from keel.report.calibration_png import calibration_png

        content.append((plot, calibration_png(told)))
    if out is not None:
        from keel.report.calibration import calibration_yaml

        content.append((out, calibration_yaml(told).encode()))
    for path, written in content:
        make_folder(path.parent)
        with disk_errors_named(path):
            path.write_bytes(written)


def _tell(told: Calibrated, written: list[Path], *, as_json: bool) -> None:
    from keel.report.calibration import calibration_tree, print_calibration

    if as_json:
        tree = calibration_tree(told) | {"written": [str(each) for each in written]}
        sys.stdout.write(json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return
    print_calibration(told)
    for path in written:
        sys.stdout.write(f"wrote {path}\n")
