"""The webhook's serving certificate and its authority: ECDSA P-256, X.509 (RFC 5280). Pure, given ``now``.

A certificate is renewed at two thirds of its lifetime. A new authority is trusted together with the older ones, in one
bundle, as long as a certificate of theirs may be served.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME: Final = timedelta(days=360)
SERVING_LIFETIME: Final = timedelta(days=90)
CLOCK_SKEW: Final = timedelta(hours=1)
"""Certificates are valid from this long before they are issued, for clocks that run behind."""
MOST_AUTHORITIES: Final = 16
"""In one bundle: whoever deletes authorities in a loop must not fill what holds it."""


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate with its private key, both PEM (PKCS #8)."""

    certificate: bytes
    private_key: bytes = field(repr=False)


def issue_authority(now: datetime) -> Certified:
    """A new certificate authority, which signs serving certificates only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "runtime-env")])
    builder = (
        _builder(name, name, key.public_key(), now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return _certified(builder, key, key)


def issue_serving(authority: Certified, hosts: Sequence[str], now: datetime) -> Certified:
    """A serving certificate for these DNS names and IP addresses, never valid beyond its authority."""
    issuer = _loaded(authority.certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "runtime-env webhook")])
    lifetime = min(SERVING_LIFETIME, issuer.not_valid_after_utc - now)
    builder = (
        _builder(name, issuer.subject, key.public_key(), now, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(_issuer_identifier(issuer), critical=False)
    )
    return _certified(builder, key, _private_key(authority))


def service_hosts(service: str, namespace: str, further: str = "") -> tuple[str, ...]:
    """The names by which an API server calls a Service, and an optional further DNS name or IP address."""
    short = f"{service}.{namespace}.svc"
    return tuple(filter(None, (short, f"{short}.cluster.local", f"{service}.{namespace}", service, further)))


def due(certificate: bytes, now: datetime) -> datetime | None:
    """When this PEM certificate is to be renewed; None when that time has come, or it is no certificate."""
    try:
        loaded = _loaded(certificate)
    except ValueError:
        return None
    starts, ends = loaded.not_valid_before_utc, loaded.not_valid_after_utc
    renewal = starts + (ends - starts) * 2 / 3
    return renewal if starts <= now < renewal else None


def expiry(certificate: bytes) -> datetime:
    """When this PEM certificate ends; of a chain, its first. Raises ValueError where it is none."""
    return _loaded(certificate).not_valid_after_utc


def authorizes(pair: Certified) -> bool:
    """Is it a pair that can sign certificates which API servers take?"""
    try:
        certificate = _loaded(pair.certificate)
        extensions = certificate.extensions
        extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        if not extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return _may_sign(extensions) and _matches(pair)
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return False


def serves(serving: Certified, authority: bytes, hosts: Sequence[str]) -> bool:
    """Is it a pair that this authority signed for these hosts?"""
    try:
        certificate = _loaded(serving.certificate)
        certificate.verify_directly_issued_by(_loaded(authority))
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return set(named) == {_general_name(host) for host in hosts} and _matches(serving)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False


def bundle(current: bytes, older: bytes, now: datetime) -> bytes:
    """PEM of the current authority first, then of each older one that has not expired."""
    first = _loaded(current)
    others = [c for c in _authorities(older) if c != first and c.not_valid_after_utc > now]
    return _pem([first, *others])


def unexpired(bundles: Iterable[bytes], now: datetime) -> bytes:
    """One bundle of what is valid in these; what is no PEM counts as empty."""
    return _pem(c for pem in bundles for c in _authorities(pem) if c.not_valid_after_utc > now)


def _pem(certificates: Iterable[x509.Certificate]) -> bytes:
    once = list(dict.fromkeys(certificates))[:MOST_AUTHORITIES]
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in once)


def _matches(pair: Certified) -> bool:
    """Is the private key the certificate's?"""
    return _private_key(pair).public_key() == _loaded(pair.certificate).public_key()


def _may_sign(extensions: x509.Extensions) -> bool:
    try:
        return extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True  # RFC 5280: no key usage, no restriction


def _authorities(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _certified(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> Certified:
    certificate = builder.sign(signer, SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Certified(certificate.public_bytes(Encoding.PEM), private)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _issuer_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    subject = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _loaded(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _private_key(certified: Certified) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(certified.private_key, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("an ECDSA key is needed")
    return key
