"""The REST API over RuntimeEnvVars (design §8): its own process and service account; it can seal and never open.

In reading order:

``bearers``     API keys: who a request comes from, and what it may do
``limits``      how often a key and an address may ask
``claimants``   what is read of a RuntimeEnvVar, and a variable as it shows
``catalog``     the variables by tenant and id, kept by a watch: by namespace (``places``), sorted (``shelf``)
``waiting``     until the watch has told what a read or a write must have seen
``writes``      upsert, update, delete: ordinary RuntimeEnvVars in the tenant's home namespace (``objects``, ``edits``),
                in turns (``turns``), each to its end (``finishing``)
``bodies``      what may come in: one object of strict JSON (``strict_json``), never echoed
``drafts``      its fields, and ``notes``: every fault at once (``faults``)
``queries``     the list's filters, and ``pages`` of it
``conditions``  If-Match and If-None-Match
``items``       what goes out
``errors``      failures as answers, in one form (``failures``)
``admission``   the gate before every endpoint
``routes``      the endpoints
``openapi``     their document, of ``operations``, ``schemas`` and ``examples``
``documentation`` serves it, and the page /docs
``middleware``  what holds for every request: its id, its line in the log, its headers
``audit``       that line; ``traffic`` counts them
``proxies``     who asks, behind proxies that are believed
``connection``  uvicorn's protocol with what it lacks: limits (``intake``), order, a soft end (``outlet``)
``refusals``    answers where no route speaks
``server``      the listener: how many it serves, and how it ends
``freshness``   how old is what reads are answered from
``run``         wiring
"""
