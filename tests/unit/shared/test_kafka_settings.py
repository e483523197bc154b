"""Links to Kafka: the links that settings give, and every refused combination, by name."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import ValidationError

from deploy.compose.make_tls import Signer
from plateward.__main__ import status
from shared.kafka.client import Kafka
from shared.kafka.settings import OF_SASL, OF_TLS, KafkaSettings
from shared.service.settings import WorkerSettings

PASSWORD = "correct horse battery staple"
LOGIN = {"kafka_sasl_username": "plateward", "kafka_sasl_password": PASSWORD}
REMOTE = {"kafka_bootstrap": "kafka-1.example.org:9093,kafka-2.example.org:9093"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clears the environment of settings of Kafka."""
    for name in KafkaSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signer's certificate, and a client's with its key."""
    folder = tmp_path_factory.mktemp("tls")
    signer = Signer("test")
    client, other = signer.sign("client"), signer.sign("other")
    (folder / "ca.pem").write_bytes(signer.certificate)
    (folder / "client.pem").write_bytes(client.certificate)
    (folder / "client.key").write_bytes(client.key)
    (folder / "other.key").write_bytes(other.key)
    (folder / "none.pem").write_text("no certificate at all\n")
    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "empty").write_text("\n")
    (folder / "two-lines").write_text("one\ntwo\n")
    return folder


def certificate(files: Path) -> dict[str, object]:
    return {
        "kafka_certificate_file": files / "client.pem",
        "kafka_key_file": files / "client.key",
    }


def link(settings: KafkaSettings) -> dict[str, object]:
    return dict(Kafka.of(settings)._link)


def refusal(**given: object) -> str:
    """Return the error text for invalid settings."""
    with pytest.raises(ValidationError) as refused:
        KafkaSettings(**given)
    return "; ".join(str(fault["msg"]) for fault in refused.value.errors())


def test_the_default_is_a_local_kafka_without_tls() -> None:
    settings = WorkerSettings()
    assert settings.kafka_bootstrap == "127.0.0.1:9092"
    assert link(settings) == {"security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize(
    "where", ["127.0.0.1:9092", "localhost:9092", "[::1]:9092", "127.0.0.1:1,127.8.8.8:2"]
)
@pytest.mark.parametrize("login", [{}, {"kafka_security_protocol": "SASL_PLAINTEXT", **LOGIN}])
def test_a_local_kafka_needs_no_tls(where: str, login: dict[str, str]) -> None:
    assert KafkaSettings(kafka_bootstrap=where, **login).kafka_by_tls is False


@pytest.mark.clause("468.5/encrypted")
@pytest.mark.parametrize(
    "where",
    [
        "kafka:9092",
        "10.0.0.7:9092",
        "127.0.0.1:9092,kafka:9092",
        "localhost.example.org:1",
        "notlocalhost:1",
        "",
    ],
)
@pytest.mark.parametrize("login", [{}, {"kafka_security_protocol": "SASL_PLAINTEXT", **LOGIN}])
def test_a_plaintext_link_to_another_machine_is_refused_unless_allowed(
    where: str, login: dict[str, str]
) -> None:
    protocol = login.get("kafka_security_protocol", "PLAINTEXT")
    fault = refusal(kafka_bootstrap=where, **login)
    assert f"KAFKA_SECURITY_PROTOCOL={protocol} reaches a Kafka on another machine" in fault
    assert "KAFKA_ALLOW_PLAINTEXT=true" in fault
    allowed = KafkaSettings(kafka_bootstrap=where, kafka_allow_plaintext=True, **login)
    assert link(allowed)["security_protocol"] == protocol


@pytest.mark.clause("468.5/encrypted")
def test_tls_checks_the_brokers_name_and_signer_from_1_2_on(files: Path) -> None:
    settings = KafkaSettings(
        **REMOTE,
        kafka_security_protocol="SASL_SSL",
        kafka_ca_file=files / "ca.pem",
        **LOGIN,
    )
    arguments = link(settings)
    context = arguments.pop("ssl_context")
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname is True
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    [trusted] = context.get_ca_certs()
    assert trusted["subject"] == ((("commonName", "test"),),)
    assert arguments == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "plateward",
        "sasl_plain_password": PASSWORD,
    }


def test_without_a_file_the_operating_systems_signers_are_trusted() -> None:
    settings = KafkaSettings(kafka_security_protocol="SASL_SSL", **LOGIN)
    assert settings.kafka_tls().verify_mode is ssl.CERT_REQUIRED


def test_a_client_certificate_replaces_a_password(files: Path) -> None:
    settings = KafkaSettings(
        **REMOTE,
        kafka_security_protocol="SSL",
        kafka_ca_file=files / "ca.pem",
        **certificate(files),
    )
    assert set(link(settings)) == {"security_protocol", "ssl_context"}


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
def test_any_sasl_mechanism_is_allowed_over_tls(mechanism: str) -> None:
    settings = KafkaSettings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism=mechanism,
        **LOGIN,
    )
    assert link(settings)["sasl_mechanism"] == mechanism


@pytest.mark.clause("468.5/encrypted")
@pytest.mark.parametrize("further", [{}, {**REMOTE, "kafka_allow_plaintext": True}])
def test_a_password_is_never_sent_in_the_clear(further: dict[str, object]) -> None:
    fault = refusal(
        kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_mechanism="PLAIN", **LOGIN, **further
    )
    assert "KAFKA_SASL_MECHANISM=PLAIN would send the password in the clear" in fault


def test_the_password_may_be_read_from_a_file(files: Path) -> None:
    settings = KafkaSettings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="plateward",
        kafka_sasl_password_file=files / "password",
    )
    assert link(settings)["sasl_plain_password"] == PASSWORD


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "needs KAFKA_SASL_USERNAME"),
        ({"kafka_sasl_password": PASSWORD}, "needs KAFKA_SASL_USERNAME"),
        ({"kafka_sasl_username": "plateward"}, "set one of KAFKA_SASL_PASSWORD and"),
        ({**LOGIN, "kafka_sasl_password_file": "password"}, "set one of KAFKA_SASL_PASSWORD and"),
        (
            {"kafka_sasl_username": "plateward", "kafka_sasl_password_file": "absent"},
            "KAFKA_SASL_PASSWORD_FILE cannot be read",
        ),
        (
            {"kafka_sasl_username": "plateward", "kafka_sasl_password_file": "empty"},
            "KAFKA_SASL_PASSWORD_FILE must contain one password",
        ),
        (
            {"kafka_sasl_username": "plateward", "kafka_sasl_password_file": "two-lines"},
            "KAFKA_SASL_PASSWORD_FILE must contain one password",
        ),
    ],
)
def test_an_incomplete_login_is_refused(
    files: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], fault: str
) -> None:
    monkeypatch.chdir(files)
    assert fault in refusal(kafka_security_protocol="SASL_SSL", **given)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "KAFKA_SECURITY_PROTOCOL=SSL needs KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE"),
        (
            {"kafka_certificate_file": "client.pem"},
            "KAFKA_CERTIFICATE_FILE is set without KAFKA_KEY_FILE",
        ),
        ({"kafka_key_file": "client.key"}, "KAFKA_KEY_FILE is set without KAFKA_CERTIFICATE_FILE"),
        (
            {"kafka_certificate_file": "client.pem", "kafka_key_file": "other.key"},
            "KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE must be a readable certificate",
        ),
        (
            {"kafka_certificate_file": "absent.pem", "kafka_key_file": "client.key"},
            "KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE must be a readable certificate",
        ),
    ],
)
def test_a_certificate_without_its_key_or_the_reverse_is_refused(
    files: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], fault: str
) -> None:
    monkeypatch.chdir(files)
    assert fault in refusal(kafka_security_protocol="SSL", **given)


def test_an_encrypted_key_is_refused_without_a_prompt_for_its_passphrase(files: Path) -> None:
    key = load_pem_private_key((files / "client.key").read_bytes(), None)
    locked = files / "locked.key"
    locked.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    fault = refusal(
        kafka_security_protocol="SSL",
        kafka_certificate_file=files / "client.pem",
        kafka_key_file=locked,
    )
    assert "not encrypted (PEM)" in fault


@pytest.mark.parametrize("name", ["none.pem", "absent.pem", "."])
def test_signers_that_cannot_be_read_are_refused(files: Path, name: str) -> None:
    fault = refusal(kafka_security_protocol="SASL_SSL", kafka_ca_file=files / name, **LOGIN)
    assert "KAFKA_CA_FILE is not a readable file of certificates" in fault


@pytest.mark.parametrize("name", [*OF_TLS, *OF_SASL])
def test_a_setting_without_effect_is_refused_by_name(name: str) -> None:
    value = "SCRAM-SHA-512" if name == "kafka_sasl_mechanism" else "given"
    fault = refusal(**{name: value})
    assert f"KAFKA_SECURITY_PROTOCOL=PLAINTEXT does not use {name.upper()}" in fault


@pytest.mark.parametrize("name", OF_SASL)
def test_a_login_beside_a_certificate_is_refused_where_kafka_would_not_ask_for_it(
    files: Path, name: str
) -> None:
    value = "SCRAM-SHA-512" if name == "kafka_sasl_mechanism" else "given"
    fault = refusal(kafka_security_protocol="SSL", **certificate(files), **{name: value})
    assert f"KAFKA_SECURITY_PROTOCOL=SSL does not use {name.upper()}" in fault


def test_every_setting_of_the_link_is_refused_where_it_would_have_no_effect() -> None:
    always = {"kafka_bootstrap", "kafka_security_protocol", "kafka_allow_plaintext"}
    always |= {"kafka_empty_fetch_pause_ms", "kafka_allow_one_copy"}
    assert set(KafkaSettings.model_fields) - always == {*OF_TLS, *OF_SASL}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("KAFKA_SASL_MECHANISM", "GSSAPI"),
        ("KAFKA_BOOTSTRAP", "kafka:http"),
    ],
)
def test_an_unknown_setting_value_is_refused_by_name_and_not_printed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=f"(?i){name}") as refused:
        KafkaSettings()
    assert value not in str(refused.value)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*OF_TLS, *OF_SASL):
        monkeypatch.setenv(name.upper(), "")
    assert link(KafkaSettings()) == {"security_protocol": "PLAINTEXT"}


def test_a_kafka_address_uses_the_login_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "plateward")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", PASSWORD)
    found = Kafka.at("kafka.example.org:9093")
    assert found.bootstrap == "kafka.example.org:9093"
    assert found._link["security_protocol"] == "SASL_SSL"
    assert Kafka.at(found) is found


def test_a_command_with_invalid_kafka_settings_ends_with_the_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "kafka.example.org:9092")
    assert status(["dead-letters"]) == 2
    fault = "plateward: KAFKA_SECURITY_PROTOCOL=PLAINTEXT reaches a Kafka on"
    assert capsys.readouterr().err.startswith(fault)


def test_the_repr_of_settings_contains_no_password() -> None:
    settings = KafkaSettings(kafka_security_protocol="SASL_SSL", **LOGIN)
    shown = f"{settings!r} {settings} {Kafka.of(settings)!r}"
    assert "plateward" in shown
    assert PASSWORD not in shown
    assert PASSWORD not in settings.model_dump_json()


def test_a_refused_setting_prints_no_password() -> None:
    with pytest.raises(ValidationError) as refused:
        KafkaSettings(**LOGIN)
    assert "KAFKA_SASL_PASSWORD" in str(refused.value)
    assert PASSWORD not in str(refused.value)
