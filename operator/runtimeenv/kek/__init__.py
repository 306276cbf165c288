"""The key-encryption key (KEK): it wraps the keyring's keys, and nothing else (design §6).

``provider``  the protocol that every provider speaks
``local``     a KEK in a Secret of the operator's namespace
``stored``    the keyring as its Secret holds it: every key wrapped
"""
