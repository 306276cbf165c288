from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from runtimeenv.crypto.certificates import (
    AUTHORITY_LIFETIME,
    CLOCK_SKEW,
    MOST_AUTHORITIES,
    SERVING_LIFETIME,
    Certified,
    authorizes,
    bundle,
    due,
    issue_authority,
    issue_serving,
    serves,
    service_hosts,
    unexpired,
)

NOW = datetime.now(UTC).replace(microsecond=0)
HOSTS = service_hosts("runtime-env-webhook", "runtime-env-system", "127.0.0.1")
AUTHORITY = issue_authority(NOW)
SERVING = issue_serving(AUTHORITY, HOSTS, NOW)


def _handshake(trusted: bytes, serving: Certified, host: str, folder: Path) -> str:
    """A real TLS handshake of OpenSSL with OpenSSL over a socket pair: the protocol's version, or SSLError."""
    (folder / "pair.pem").write_bytes(serving.certificate + serving.private_key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "pair.pem")
    client = ssl.create_default_context(cadata=trusted.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    near, far = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(far, server_side=True).close()
        except OSError:
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with near, client.wrap_socket(near, server_hostname=host) as connection:
            return connection.version() or ""
    finally:
        thread.join()


@pytest.mark.parametrize("host", ["runtime-env-webhook.runtime-env-system.svc", "127.0.0.1"])
def test_an_api_server_that_trusts_the_bundle_reaches_the_webhook(host: str, tmp_path: Path) -> None:
    assert _handshake(AUTHORITY.certificate, SERVING, host, tmp_path) == "TLSv1.3"


@pytest.mark.parametrize("host", ["other.runtime-env-system.svc", "127.0.0.2"])
def test_it_serves_no_other_host(host: str, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(AUTHORITY.certificate, SERVING, host, tmp_path)


def test_another_authority_of_the_same_name_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(issue_authority(NOW).certificate, SERVING, HOSTS[0], tmp_path)


def test_both_authorities_serve_while_they_overlap(tmp_path: Path) -> None:
    newer = issue_authority(NOW + timedelta(seconds=1))
    both = bundle(newer.certificate, AUTHORITY.certificate, NOW)
    assert _handshake(both, SERVING, HOSTS[0], tmp_path)
    assert _handshake(both, issue_serving(newer, HOSTS, NOW), HOSTS[0], tmp_path)
    assert both.startswith(newer.certificate)


def test_a_bundle_drops_what_has_expired_and_repeats_nothing() -> None:
    newer = issue_authority(NOW + AUTHORITY_LIFETIME)
    assert bundle(newer.certificate, AUTHORITY.certificate, NOW + AUTHORITY_LIFETIME) == newer.certificate
    assert bundle(AUTHORITY.certificate, AUTHORITY.certificate * 2, NOW) == AUTHORITY.certificate
    assert bundle(AUTHORITY.certificate, b"", NOW) == AUTHORITY.certificate


def test_a_certificate_is_due_at_two_thirds_of_its_lifetime() -> None:
    lifetime = SERVING_LIFETIME + CLOCK_SKEW
    renewal = NOW - CLOCK_SKEW + lifetime * 2 / 3
    assert due(SERVING.certificate, NOW) == renewal
    assert due(SERVING.certificate, renewal - timedelta(seconds=1)) == renewal
    assert due(SERVING.certificate, renewal) is None


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff"])
def test_what_is_no_certificate_is_due_now(pem: bytes) -> None:
    assert due(pem, NOW) is None


def test_a_certificate_from_the_future_is_due_now() -> None:
    assert due(issue_authority(NOW + timedelta(days=2)).certificate, NOW) is None


def test_a_serving_certificate_never_outlives_its_authority() -> None:
    late = issue_serving(AUTHORITY, HOSTS, NOW + AUTHORITY_LIFETIME - timedelta(days=1))
    ends = [
        x509.load_pem_x509_certificate(pem).not_valid_after_utc for pem in (late.certificate, AUTHORITY.certificate)
    ]
    assert ends[0] == ends[1]


def test_it_serves_only_as_a_pair_for_its_hosts_and_authority() -> None:
    other = issue_serving(AUTHORITY, HOSTS, NOW)
    assert serves(SERVING, AUTHORITY.certificate, HOSTS)
    assert not serves(SERVING, AUTHORITY.certificate, HOSTS[:-1])
    assert not serves(SERVING, issue_authority(NOW).certificate, HOSTS)
    assert not serves(Certified(SERVING.certificate, other.private_key), AUTHORITY.certificate, HOSTS)
    assert not serves(Certified(SERVING.certificate, b""), AUTHORITY.certificate, HOSTS)
    assert not serves(Certified(b"", b""), AUTHORITY.certificate, HOSTS)
    assert not serves(SERVING, b"", HOSTS)


def test_only_a_pair_that_may_sign_is_an_authority() -> None:
    assert authorizes(AUTHORITY)
    assert not authorizes(SERVING)
    assert not authorizes(Certified(AUTHORITY.certificate, SERVING.private_key))
    assert not authorizes(Certified(b"", b""))


def test_a_bundle_of_bundles_skips_what_is_no_pem_and_has_an_end() -> None:
    other = issue_authority(NOW).certificate
    assert unexpired([other, b"x", AUTHORITY.certificate, other], NOW) == other + AUTHORITY.certificate
    assert unexpired([AUTHORITY.certificate], NOW + AUTHORITY_LIFETIME) == b""
    many = [issue_authority(NOW).certificate for _ in range(MOST_AUTHORITIES + 1)]
    assert unexpired(many, NOW) == b"".join(many[:-1])
    assert bundle(other, b"".join(many), NOW) == other + b"".join(many[:-2])


def test_hosts_are_the_service_s_names_and_a_further_address() -> None:
    assert service_hosts("w", "ns") == ("w.ns.svc", "w.ns.svc.cluster.local", "w.ns", "w")
    assert service_hosts("w", "ns", "10.0.0.1")[-1] == "10.0.0.1"


def test_a_private_key_does_not_show() -> None:
    assert b"PRIVATE" in SERVING.private_key
    assert "PRIVATE" not in repr(SERVING)


def _extensions(pem: bytes) -> dict[type[x509.ExtensionType], tuple[bool, x509.ExtensionType]]:
    return {type(e.value): (e.critical, e.value) for e in x509.load_pem_x509_certificate(pem).extensions}


def _only(use: str) -> x509.KeyUsage:
    uses = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    further = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name == use for name in (*uses, *further)})


def test_a_serving_certificate_is_good_for_serving_alone() -> None:
    extensions = _extensions(SERVING.certificate)
    assert extensions[x509.KeyUsage] == (True, _only("digital_signature"))
    assert extensions[x509.ExtendedKeyUsage] == (False, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]))
    assert extensions[x509.BasicConstraints] == (True, x509.BasicConstraints(ca=False, path_length=None))
    assert extensions[x509.SubjectAlternativeName][0] is False


def test_an_authority_is_good_for_signing_certificates_alone() -> None:
    extensions = _extensions(AUTHORITY.certificate)
    assert extensions[x509.KeyUsage] == (True, _only("key_cert_sign"))
    assert extensions[x509.BasicConstraints] == (True, x509.BasicConstraints(ca=True, path_length=0))


def test_a_pair_of_another_kind_of_key_is_made_anew() -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    pem = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert not serves(Certified(SERVING.certificate, pem), AUTHORITY.certificate, HOSTS)


def test_a_certificate_is_good_from_the_moment_that_slow_clocks_show() -> None:
    starts = NOW - CLOCK_SKEW
    assert due(SERVING.certificate, starts) is not None
    assert due(SERVING.certificate, starts - timedelta(seconds=1)) is None
