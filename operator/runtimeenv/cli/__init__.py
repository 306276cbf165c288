"""The command line: ``runtimeenv`` for operators and images, ``kubectl renv`` as a kubectl plugin.

``main``       the verbs, each imported only when it is used
``processes``  the long-running ones: controller, webhook
``sealing``    seal, public-key: offline, or with the cluster's public key
``published``  where the public key and a namespace's tenant are read from
``logs``       one JSON line a record, without objects or values

The plugin's verbs never import what opens a value: ``crypto.unseal``, ``crypto.envelope``, ``crypto.keyring``, ``kek``.
"""
