"""Only addresses that git can safely be given are taken, and a secret in one is shown nowhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.git_address import BadAddress, Remote, remote


@pytest.mark.parametrize(
    ("address", "shown", "protocol", "login"),
    [
        ("https://git.example.com/a/b.git", "https://git.example.com/a/b.git", "https", ""),
        ("https://ada:geheim%40@git.example.com:8443/b", "https://git.example.com:8443/b", "https", "ada:geheim@"),
        ("https://ghp_abc@github.com/a/b", "https://github.com/a/b", "https", "oauth2:ghp_abc"),
        ("http://[::1]:80/a", "http://[::1]:80/a", "http", ""),
        ("ssh://git@example.com:2222/a.git", "ssh://git@example.com:2222/a.git", "ssh", ""),
        ("git@example.com:a/b.git", "git@example.com:a/b.git", "ssh", ""),
        ("git://example.com/a", "git://example.com/a", "git", ""),
        ("file:///srv/a.git", "file:///srv/a.git", "file", ""),
        ("/srv/a.git", "/srv/a.git", "file", ""),
        ("../a.git", "../a.git", "file", ""),
    ],
)
def test_an_address_is_taken_and_its_login_taken_out(address: str, shown: str, protocol: str, login: str) -> None:
    found = remote(address)
    assert (found.address, found.protocol, found.login) == (shown, protocol, login)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "x" * 501,
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x:y",
        "ext::sh -c x",
        "fd::17",
        "ssh://-oProxyCommand=x/y",
        "ssh://git:password@example.com/a",
        "ssh://-x@example.com/a",
        "git://ada:b@example.com/a",
        "https://",
        "https:///a",
        "https://example.com:99999/a",
        "https://example.com/a?token=geheim",
        "https://example.com/a b",
        "https://exa mple.com/a",
        "file://host/a",
        "ftp://example.com/a",
        "example.com/a",
        "a:b",
        "https://example.com/a\nb",
        "https://example.com/\x1b[2J",
        "@-x:y",
    ],
)
def test_what_is_no_such_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(BadAddress) as caught:
        remote(address)
    assert "geheim" not in str(caught.value)
    assert "password@" not in str(caught.value)


def test_a_token_goes_before_what_stands_in_the_address() -> None:
    assert remote("https://a:b@example.com/x", "secret").login == "oauth2:secret"
    assert remote("https://example.com/x", "ada:secret").login == "ada:secret"
    assert remote("git@example.com:x", "secret").login == "", "ssh takes a key"
    with pytest.raises(BadAddress, match="line end"):
        remote("https://example.com/x", "secret\n: y")


def test_nothing_shows_the_login() -> None:
    found = remote("https://ada:geheim@example.com/x")
    assert "geheim" not in f"{found} {found!r}"
    said = f"remote: you sent Basic {found.encoded}, that is ada:geheim, \x1b[31mgeheim\n" + "x" * 1000
    assert "geheim" not in found.clean(said)
    assert found.encoded not in found.clean(said)
    assert found.clean(said).isprintable()
    assert len(found.clean(said)) <= 400


@settings(deadline=None)
@given(st.text(max_size=80))
def test_whatever_is_written_git_gets_no_option_and_no_program(text: str) -> None:
    try:
        found = remote(text)
    except BadAddress:
        return
    assert isinstance(found, Remote)
    assert not found.address.startswith("-")
    assert "::" not in found.address.split("/")[0]
    assert found.protocol in {"https", "http", "ssh", "git", "file"}
