import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtimeenv.crypto.certificates import Certified, expiry, issue_authority, issue_serving
from runtimeenv.errors import Invalid
from runtimeenv.serving.tls import Certificates
from tests.unit.serving.clients import Client, client, serving

NOW = datetime.now(UTC)
AUTHORITY = issue_authority(NOW)


def issued() -> Certified:
    return issue_serving(AUTHORITY, ["127.0.0.1"], NOW)


def write(folder: Path, pair: Certified) -> None:
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.private_key)


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def presented(one: Client) -> str:
    found: ssl.SSLObject = one.writer.get_extra_info("ssl_object")
    return ssl.DER_cert_to_PEM_cert(found.getpeercert(binary_form=True) or b"")


def protocol(one: Client) -> str | None:
    found: ssl.SSLObject = one.writer.get_extra_info("ssl_object")
    return found.selected_alpn_protocol()


async def test_new_handshakes_see_the_new_certificate_and_old_connections_stay(tmp_path: Path) -> None:
    certificates = Certificates()
    first, second = issued(), issued()
    write(tmp_path, first)
    certificates.load(tmp_path)
    async with serving(context=certificates.context) as (_, port), client(port, trusting()) as old:
        assert presented(old).encode() == first.certificate
        write(tmp_path, second)
        certificates.load(tmp_path)
        async with client(port, trusting()) as new:
            assert presented(new).encode() == second.certificate
        assert (await old.post(b"x"))[0] == 200


async def test_the_end_of_the_pair_in_use_is_told(tmp_path: Path) -> None:
    certificates = Certificates()
    assert certificates.expires is None
    pair = issued()
    write(tmp_path, pair)
    certificates.load(tmp_path)
    assert certificates.expires == expiry(pair.certificate).timestamp()


async def test_files_that_do_not_belong_together_leave_the_last_pair_in_use(tmp_path: Path) -> None:
    certificates = Certificates()
    first = issued()
    write(tmp_path, first)
    certificates.load(tmp_path)
    (tmp_path / "tls.crt").write_bytes(issued().certificate)
    with pytest.raises(Invalid, match="belong together"):
        certificates.load(tmp_path)
    async with serving(context=certificates.context) as (_, port), client(port, trusting()) as one:
        assert presented(one).encode() == first.certificate


async def test_only_http_1_1_is_offered(tmp_path: Path) -> None:
    certificates = Certificates()
    write(tmp_path, issued())
    certificates.load(tmp_path)
    async with serving(context=certificates.context) as (_, port), client(port, trusting()) as one:
        assert protocol(one) == "http/1.1"


async def test_without_a_certificate_no_handshake_succeeds() -> None:
    async with serving(context=Certificates().context) as (_, port):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with client(port, trusting()):
                pass


def test_an_empty_folder_is_no_certificate(tmp_path: Path) -> None:
    certificates = Certificates()
    with pytest.raises(Invalid, match="belong together"):
        certificates.load(tmp_path)
    assert not certificates.loaded
