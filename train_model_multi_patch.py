"""Train an agent on stored bars: python train_model_multi_patch.py --config configs/config_train.yaml."""

from keel.app.cli import run_cli
from keel.app.train import train

if __name__ == "__main__":
    run_cli(train)
