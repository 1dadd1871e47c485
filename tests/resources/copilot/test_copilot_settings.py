"""Off unless configured; what cannot be used is named and never shown."""

import subprocess
import sys

import pytest

from resources.copilot import settings
from resources.copilot.errors import CopilotMisconfigured

GOOD = {"ASCEND_COPILOT_URL": "https://models.example/v1", "ASCEND_COPILOT_MODEL": "Qwen3-Coder-Next"}


@pytest.mark.parametrize("environ", [{}, {"ASCEND_COPILOT_URL": ""}, {"ASCEND_COPILOT_MODEL": "x"}])
def test_without_an_address_there_is_no_copilot(environ: dict[str, str]) -> None:
    assert settings.read(environ) is None


def test_what_is_configured_is_read() -> None:
    more = {"ASCEND_COPILOT_KEY_ENV": "MY_KEY", "MY_KEY": " sk-1 ", "ASCEND_COPILOT_SECONDS": "7.5"}
    found = settings.read({**GOOD, **more, "ASCEND_COPILOT_MAX_TOKENS": "100", "ASCEND_COPILOT_DAILY_TOKENS": "5000"})
    assert found == settings.Settings("https://models.example/v1", "Qwen3-Coder-Next", "sk-1", 100, 7.5, 5000)
    assert found.place == "https://models.example"


def test_a_key_is_in_no_representation() -> None:
    found = settings.read({**GOOD, "ASCEND_COPILOT_KEY_ENV": "MY_KEY", "MY_KEY": "sk-secret"})
    assert "sk-secret" not in repr(found)
    assert "sk-secret" not in str(found)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "http://[::1]:8000/v1", "http://localhost/v1"])
def test_http_is_for_this_machine_alone(url: str) -> None:
    assert settings.read({**GOOD, "ASCEND_COPILOT_URL": url}) is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example/v1",
        "http://127.0.0.1.models.example/v1",
        "ftp://models.example",
        "file:///etc/passwd",
        "models.example/v1",
        "https://",
        "https://user:password@models.example/v1",
        "https://models.example/v1?key=sk-1",
        "https://models.example/v1#x",
        "https://models.example:0/v1",
        "https://models.example:99999/v1",
        "https://[bad/v1",
        "https://models.example/v 1",
        "https://models.example/\x1b[31m",
        f"https://models.example/{'x' * 600}",
    ],
)
def test_an_address_that_is_unsafe_or_none_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(CopilotMisconfigured, match="ASCEND_COPILOT_URL") as error:
        settings.read({**GOOD, "ASCEND_COPILOT_URL": url})
    assert url == "https://" or url not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASCEND_COPILOT_MODEL", ""),
        ("ASCEND_COPILOT_MODEL", "a model"),
        ("ASCEND_COPILOT_MODEL", "--help"),
        ("ASCEND_COPILOT_KEY_ENV", "sk-0123-4567"),
        ("ASCEND_COPILOT_KEY_ENV", "NOT_SET"),
        ("ASCEND_COPILOT_MAX_TOKENS", "0"),
        ("ASCEND_COPILOT_MAX_TOKENS", "1e9"),
        ("ASCEND_COPILOT_SECONDS", "nan"),
        ("ASCEND_COPILOT_SECONDS", "-1"),
        ("ASCEND_COPILOT_SECONDS", "100000"),
        ("ASCEND_COPILOT_DAILY_TOKENS", "lots"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(CopilotMisconfigured, match=name) as error:
        settings.read({**GOOD, name: value})
    assert "sk-0123" not in str(error.value)


def test_a_key_with_a_line_break_cannot_add_a_header() -> None:
    with pytest.raises(CopilotMisconfigured, match="can be no key") as error:
        settings.read({**GOOD, "ASCEND_COPILOT_KEY_ENV": "MY_KEY", "MY_KEY": "sk-1\r\nX-Other: 1"})
    assert "sk-1" not in str(error.value)


def test_nothing_loads_the_client_library_before_it_is_used() -> None:
    code = (
        "import sys, resources.copilot.client, ascend_assets.copilot.proposer, ascend_assets.cli.commands\n"
        "sys.exit(any(name in sys.modules for name in ('openai', 'httpx', 'httpx2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
