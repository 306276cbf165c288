from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimeenv.api.proxies import HOPS, Proxies
from runtimeenv.errors import Invalid
from runtimeenv.settings import Settings

PEER = "10.0.0.1"
NAMED = "10.0.0.0/8, 2001:db8::/32"


def client(allowed: str, *forwarded: str, peer: str = PEER) -> str:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return Proxies(allowed).client(peer, [(b"host", b"api"), *headers])


@pytest.mark.parametrize(
    ("forwarded", "found"),
    [
        ((), PEER),
        (("192.0.2.7",), "192.0.2.7"),
        (("192.0.2.7:4711",), "192.0.2.7"),
        (("[2001:db9::7]:443",), "2001:db9::7"),
        (("2001:DB9:0::7",), "2001:db9::7"),
        (("::ffff:192.0.2.7",), "192.0.2.7"),
        (("192.0.2.7, 10.0.0.2",), "192.0.2.7"),
        (("198.51.100.1, 192.0.2.7, 10.0.0.2",), "192.0.2.7"),
        (("198.51.100.1", "192.0.2.7", "10.0.0.2"), "192.0.2.7"),
        (("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        (("192.0.2.7, unknown",), PEER),
        (("192.0.2.7, unknown, 10.0.0.2",), "10.0.0.2"),
        (("fe80::7%canary",), "fe80::7"),
        (("fe80::7%" + "long" * 1000,), "fe80::7"),
        (("192.0.2.7,",), PEER),
        (("",), PEER),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_no_believed_proxy(forwarded: tuple[str, ...], found: str) -> None:
    assert client(NAMED, *forwarded) == found


@pytest.mark.parametrize("peer", ["192.0.2.1", "11.0.0.1", "::ffff:192.0.2.1", ""])
def test_a_peer_that_is_not_named_can_claim_nothing(peer: str) -> None:
    assert client(NAMED, "192.0.2.7", peer=peer) == peer.removeprefix("::ffff:")


@pytest.mark.parametrize("peer", [PEER, "127.0.0.1", "::1"])
def test_nobody_named_is_nobody_believed(peer: str) -> None:
    assert client("", "192.0.2.7", peer=peer) == peer
    assert client(Settings().forwarded_allow_ips, "192.0.2.7", peer=peer) == peer


def test_a_mapped_address_is_the_address_that_is_named() -> None:
    assert client(NAMED, "192.0.2.7", peer="::ffff:10.0.0.1") == "192.0.2.7"


def test_where_everybody_is_believed_the_farthest_hop_counts() -> None:
    assert client("*", "192.0.2.7, 198.51.100.1", peer="203.0.113.9") == "192.0.2.7"


def test_a_chain_is_followed_only_so_far() -> None:
    chain = ", ".join(f"10.0.1.{n}" for n in range(HOPS + 9))
    assert client(NAMED, "192.0.2.7, " + chain) == "10.0.1.9"


@given(st.text(alphabet=st.characters(max_codepoint=255)), st.sampled_from(["*", NAMED]))
def test_whatever_is_claimed_the_answer_is_an_address(claim: str, allowed: str) -> None:
    headers = [(b"x-forwarded-for", claim.encode("latin-1"))]
    assert set(Proxies(allowed).client(PEER, headers)) <= set("0123456789abcdef.:")


@pytest.mark.parametrize("allowed", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "*, 10.0.0.1"])
def test_a_setting_that_names_no_network_is_refused(allowed: str) -> None:
    with pytest.raises(Invalid, match="RUNTIME_ENV_FORWARDED_ALLOW_IPS"):
        Proxies(allowed)
