"""A key for the tokens, with the real daemon: it seals what is plain when it starts, and nobody changes keys then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.acceptance import Stage, terminated, until


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as made:
        made.stock(1, till=lambda _n: 20, shop=lambda _n: 20)
        yield made


def test_the_daemon_seals_what_was_plain_and_keeps_others_from_changing_keys(stage: Stage) -> None:
    stage.syncd("sync")
    stage.syncd("db", "key", "one.key")
    ((plain,),) = stage.rows("SELECT refresh_token FROM tokens")
    text = stage.config.read_text()
    stage.config.write_text(text.replace("[syncd]", '[syncd]\ndatabase_key_file = "one.key"'))
    daemon = stage.daemon()
    until(lambda: "daemon.started" in stage.daemon_log(0), "the daemon works")
    assert "INFO tokens.sealed side=inventorum key=" in stage.daemon_log(0)
    ((sealed, key),) = stage.rows("SELECT refresh_token, sealed_with FROM tokens")
    assert plain == stage.till.refresh
    assert plain not in sealed
    assert key in stage.daemon_log(0)
    assert "stop the daemon first" in stage.syncd("db", "rekey", "--remove", code=1).err
    terminated(daemon)
    stage.config.write_text(text)
    assert f"sealed with key {key} and no key is given" in stage.syncd("run", code=78).err
