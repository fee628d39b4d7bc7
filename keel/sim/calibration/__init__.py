"""The inverse of the cost and latency laws: their parameters, from fills somebody recorded.

It stands in `sim`, not in `metrics`, because it must turn around exactly what `costs_nb` and `latency_nb` do: a law
that changes there changes here. No run imports it, only the command and the report of it.
"""
