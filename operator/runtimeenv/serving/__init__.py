"""HTTP servers, for the webhook and for every process's probes.

``http``        Answer, Handler, Limits: what passes between a server and those who answer
``server``      listens, keeps limits, drains
``connection``  one client: parses, answers
``tls``         the serving certificate, renewed without dropping a connection
``folders``     mounted files that change while a process runs
``sealing_key`` the operator's public key, from such a folder
``metrics``     what every process counts
``probes``      /healthz, /readyz, /metrics
"""
