"""Admission: variables are sealed, pods are injected. Holds the public key and compare keys; reads no Secret.

``reviews``       AdmissionReview: decoded, judged, answered
``namespaces``    what namespaces are enrolled as, kept by a watch
``injection``     judges pods
``sealing``       judges variables
``sources``       which source counts when a write brings two
``last_applied``  kubectl's copy of the manifest, without the plaintext
``compare``       does a sealed text hold this value already?
``keys``          the public key and the compare keys, from folders
``outcomes``      how reviews ended, counted
``run``           the process
"""
