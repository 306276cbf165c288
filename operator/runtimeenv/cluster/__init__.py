"""The Kubernetes API, and nothing else of the project: the only room that imports ``kubernetes``.

``objects``    what is read of each kind, as small structs
``kinds``      Kind: an address and its decoder
``protocol``   Cluster, the verbs as the other rooms see them
``access``     where the API server is, and who we are
``client``     ApiCluster: the verbs over kubernetes.aio
``shallow``    what a decoder would run out of stack for, left out
``reflector``  a mirror of one kind, complete and current
``lease``      which replica is active
"""
