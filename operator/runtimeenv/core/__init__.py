"""The rules, pure: no I/O, no clock, no randomness. Everything here can be tested on values alone."""
