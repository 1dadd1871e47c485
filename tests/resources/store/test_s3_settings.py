"""Addresses and settings: what is valid, and what each refusal says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.store.objects import BadSetting
from resources.store.s3_settings import S3Address, S3Settings


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://models", "models", ""),
        ("s3://models/", "models", ""),
        ("s3://my.models-1/team/registry", "my.models-1", "team/registry/"),
        ("s3://models/team/", "models", "team/"),
    ],
)
def test_an_address_is_a_bucket_and_a_prefix(text: str, bucket: str, prefix: str) -> None:
    address = S3Address.parse(text)
    assert (address.bucket, address.prefix) == (bucket, prefix)
    assert str(address) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    ["", "s3://", "s3:///x", "models", "s3:/models", "s3://Models", "s3://ab", "s3://-abc", "s3://a b c", "s3://ab\n/c",
     "s3://models/../x", "s3://models/a//b", "s3://models/.trash", "s3://models/ä", "s3://models/" + "a" * 201,
     "s3://models/" + "a/" * 150, "s3://" + "a" * 64, "http://models/x"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match=r"address|prefix"):
        S3Address.parse(text)


@given(text=st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for candidate in (text, f"s3://{text}"):
        try:
            address = S3Address.parse(candidate)
        except BadSetting:
            continue
        assert S3Address.parse(str(address)) == address


def test_settings_come_from_the_environment() -> None:
    assert S3Settings.from_environment({}) == S3Settings()
    assert S3Settings.from_environment({"ASCEND_S3_ENDPOINT": " "}) == S3Settings()
    found = S3Settings.from_environment(
        {
            "ASCEND_S3_ENDPOINT": "https://obs.example.com:443",
            "ASCEND_S3_ADDRESSING": "virtual",
            "ASCEND_S3_CONNECT_TIMEOUT": "1.5",
            "ASCEND_S3_READ_TIMEOUT": "90",
            "ASCEND_S3_ATTEMPTS": "7",
        }
    )
    assert found == S3Settings(
        endpoint="https://obs.example.com:443", addressing="virtual", connect_timeout=1.5, read_timeout=90, attempts=7
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("ASCEND_S3_ENDPOINT", v) for v in ("obs.example.com", "ftp://x", "http://", "http://u:p@x", "http://x:99999")),
        *(("ASCEND_S3_ADDRESSING", v) for v in ("paths", "AUTO")),
        *(("ASCEND_S3_CONNECT_TIMEOUT", v) for v in ("0", "-1", "nan", "inf", "soon", "3601")),
        *(("ASCEND_S3_READ_TIMEOUT", v) for v in ("0", "1e9")),
        *(("ASCEND_S3_ATTEMPTS", v) for v in ("0", "21", "2.5", "-1", "many", "99999999999")),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        S3Settings.from_environment({name: value})
