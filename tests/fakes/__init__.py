"""Fakes at process boundaries, with two real implementations behind each protocol: the fake, and the real thing."""
