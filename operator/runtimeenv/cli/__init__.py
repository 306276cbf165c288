"""The command line: ``runtimeenv`` for operators and images, ``kubectl renv`` as a kubectl plugin.

``main``       the verbs, each imported only when it is used
``processes``  the long-running ones: controller, webhook
``sealing``    seal, public-key: offline, or with the cluster's public key
``published``  where the public key and a namespace's tenant are read from
``apikeys``    apikey: issue, list, revoke and rotate the keys of the REST API
``key_listing``  what of a key is shown
``key_store``  the Secret that they stand in: read, changed, written over the version that was read
``stored_keys``  its entries, with room for new ones
``moments``    durations and dates as they are typed
``logs``       one JSON line a record, without objects or values

The plugin's verbs never import what opens a value: ``crypto.unseal``, ``crypto.envelope``, ``crypto.keyring``, ``kek``.
"""
