"""Curves of a training run for TensorBoard."""

from __future__ import annotations

from pathlib import Path

from stable_baselines3.common.logger import INFO, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard.writer import SummaryWriter


class _Writer(TensorBoardOutputFormat):
    """Write from a step on: what a run wrote beyond it, before it was killed, is not shown."""

    def __init__(self, folder: Path, from_step: int) -> None:
        self.writer = SummaryWriter(log_dir=str(folder), purge_step=from_step)
        self._is_closed = False


def open_board(folder: Path, from_step: int = 0) -> Logger:
    """Return a logger whose figures TensorBoard shows, from a step on."""
    logger = Logger(str(folder), [_Writer(folder, from_step)])
    logger.set_level(INFO)
    return logger
