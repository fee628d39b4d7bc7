"""The health page of a live run: a web server on a thread of its own, which sees the status board and nothing else."""
