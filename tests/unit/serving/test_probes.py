import aiohttp
from prometheus_client import CollectorRegistry, Counter

from runtimeenv.serving.probes import probe_server


async def probed(waiting_for: str, path: str) -> tuple[int, str]:
    registry = CollectorRegistry()
    Counter("reviews", "Reviews.", registry=registry).inc()
    server = probe_server(lambda: waiting_for, registry)
    port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        found = answer.status, await answer.text()
    await server.drain(0, 0)
    return found


async def test_a_process_that_answers_is_alive() -> None:
    assert await probed("a certificate", "/healthz") == (200, "ok\n")


async def test_a_process_that_waits_says_for_what() -> None:
    assert await probed("a certificate", "/readyz") == (503, "waiting for a certificate\n")


async def test_a_process_that_waits_for_nothing_is_ready() -> None:
    assert await probed("", "/readyz") == (200, "ok\n")


async def test_metrics_are_the_registrys() -> None:
    status, text = await probed("", "/metrics")
    assert status == 200
    assert "reviews_total 1.0" in text
