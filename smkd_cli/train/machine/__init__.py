"""How this machine is used: its device, its threads and streams, its processes, and the signals that come from it."""
