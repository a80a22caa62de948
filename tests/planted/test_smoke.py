"""No secret in anything that syncd shows or keeps; and a search that would find one."""

from __future__ import annotations

import base64
import json
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import pytest

from syncd.http.redact import hide, register_secrets
from tests.planted.plant import AWKWARD, HARMLESS, Planted
from tests.planted.run import Search, search
from tests.planted.stage import SecretStage


def test_no_secret_is_shown_or_kept(tmp_path: Path) -> None:
    done = search(tmp_path, answers=(401,), thorough=False)
    assert done.found() == []
    assert len(done.stage.planted.values) > 20
    places = " ".join(done.said)
    for place in ("check", "repr of woo", "traceback of raw", "table runs", "state.db", "daemon-json.log", "/metrics"):
        assert place in places, f"{place} was not looked at"
    assert b"syncd_up" in done.said["/metrics"] or b"syncd_" in done.said["/metrics"]
    assert b"***" in done.said["file daemon-json.log"], "no side repeated a secret: nothing was tried"
    assert b"***" in done.said["table runs"]
    assert done.said["bodies sent to webhook"]


def test_without_redaction_the_search_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("syncd.http.redact"), "forms", lambda secret: ())
    with SecretStage(tmp_path) as stage:
        done = Search(stage)
        stage.echo(401)
        assert done.command("check", "--json") != 0
        assert done.found()


@pytest.mark.parametrize("around", [AWKWARD, HARMLESS])
def test_the_search_knows_a_secret_in_every_dress(around: tuple[str, str]) -> None:
    planted = Planted()
    secret = planted.plant("here", around)
    planted.plant("there")
    dresses = [
        secret,
        quote(secret, safe=""),
        json.dumps(json.dumps(secret)),
        repr(secret.encode()),
        *(base64.b64encode(f"{user}:{secret}".encode()).decode() for user in ("a", "ab", "abc")),
        base64.urlsafe_b64encode(secret.encode()).decode(),
        f"Basic {base64.b64encode(secret.encode()).decode().rstrip('=')}!",
    ]
    for dress in dresses:
        assert planted.found_in(f"some {dress} text".encode()) == {"here"}, dress
        register_secrets(secret)
        assert planted.found_in(hide(f"some {dress} text").encode()) == set(), dress
    assert planted.found_in(b"nothing at all") == set()


def test_a_secret_in_a_file_is_found(tmp_path: Path) -> None:
    with SecretStage(tmp_path) as stage:
        done = Search(stage)
        done.note("file x", base64.b64encode(stage.planted.values["vendure.api_key"].encode()))
        assert done.found() == ["file x: vendure.api_key"]
        assert done.report().endswith(" places=1 found=1")
