"""The fault table: what goes wrong between Keel and an exchange, played through the real SDK over loopback."""
