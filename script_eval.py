"""Put a trained model to the test: python script_eval.py --config configs/config_eval.yaml --all-profiles."""

from keel.app.cli import run_cli
from keel.app.evaluate import evaluate

if __name__ == "__main__":
    run_cli(evaluate)
