"""The certificates, service account keys and kubeconfigs of a cluster."""

import datetime
import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=365)
_EARLIER = datetime.timedelta(hours=1)  # a clock that was set back


class Authority:
    """A new certificate authority that writes NAME.crt and NAME.key (PEM, ECDSA P-256) into `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "runtime-env-test-ca")])
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)  # sign, certificates, CRLs
        certificate = (
            self._draft(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self._write("ca", certificate, self._key)

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def issue(self, name: str, user: str, group: str | None = None, hosts: Sequence[str] = ()) -> None:
        """A certificate for client and server; in Kubernetes CN is the user, O the group (authentication by X.509)."""
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
        if group is not None:
            attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        draft = self._draft(x509.Name(attributes), key).add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if hosts:
            names = x509.SubjectAlternativeName([alternative_name(host) for host in hosts])
            draft = draft.add_extension(names, critical=False)
        self._write(name, draft.sign(self._key, hashes.SHA256()), key)

    def _draft(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _EARLIER)
            .not_valid_after(now + _LIFETIME)
        )

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        (self.folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        write_private(self.folder / f"{name}.key", private_pem(key))


def alternative_name(host: str) -> x509.GeneralName:
    """An IP address as such, anything else as a DNS name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def service_account_keys(folder: Path) -> None:
    """sa.key and sa.pub: the pair that signs and checks service account tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_private(folder / "sa.key", private_pem(key))
    (folder / "sa.pub").write_bytes(public)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8 in PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner reads, from its first byte on."""
    path.touch(mode=0o600)
    path.write_bytes(content)


def kubeconfig(path: Path, server: str, ca: Path, user: dict[str, Any]) -> Path:
    """Writes a kubeconfig (JSON, which is YAML) with one cluster, one user and one context."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "runtime-env", "cluster": {"server": server, "certificate-authority": str(ca)}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "runtime-env", "context": {"cluster": "runtime-env", "user": "user"}}],
        "current-context": "runtime-env",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps(config, indent=1).encode())
    return path


def client_certificate(folder: Path, name: str) -> dict[str, Any]:
    """The user of a kubeconfig whose certificate `Authority.issue` wrote into `folder`."""
    return {"client-certificate": str(folder / f"{name}.crt"), "client-key": str(folder / f"{name}.key")}
