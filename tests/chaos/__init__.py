"""Random faults against live trading: on a virtual clock, through real sockets, by kill -9 and by a power cut."""
