"""Certificates and kubeconfigs."""

import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.kube import pki


@pytest.fixture
def authority(tmp_path: Path) -> pki.Authority:
    return pki.Authority(tmp_path)


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def test_a_certificate_is_signed_by_its_authority(authority: pki.Authority) -> None:
    authority.issue("admin", "admin", group="system:masters")
    issued = certificate(authority.folder, "admin")
    issued.verify_directly_issued_by(certificate(authority.folder, "ca"))


def test_a_certificate_names_its_user_and_group(authority: pki.Authority) -> None:
    authority.issue("node", "system:node:node1", group="system:nodes")
    subject = certificate(authority.folder, "node").subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["system:node:node1"]
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["system:nodes"]


def test_a_server_answers_to_addresses_and_names(authority: pki.Authority) -> None:
    authority.issue("server", "server", hosts=["127.0.0.1", "localhost"])
    issued = certificate(authority.folder, "server")
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_only_their_owner_reads_keys_and_kubeconfigs(authority: pki.Authority) -> None:
    pki.service_account_keys(authority.folder)
    path = pki.kubeconfig(authority.folder / "a.kubeconfig", "https://127.0.0.1:1", authority.certificate, {})
    for private in (path, *authority.folder.glob("*.key")):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_a_kubeconfig_leads_to_one_cluster_as_one_user(authority: pki.Authority) -> None:
    user = pki.client_certificate(authority.folder, "admin")
    path = pki.kubeconfig(authority.folder / "a.kubeconfig", "https://127.0.0.1:1", authority.certificate, user)
    config = json.loads(path.read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"
    assert config["users"][0]["user"]["client-key"] == f"{authority.folder}/admin.key"
    assert config["current-context"] == config["contexts"][0]["name"]
