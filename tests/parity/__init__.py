"""The kernel against an independent reference, bit for bit."""
