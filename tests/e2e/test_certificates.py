"""A side whose TLS certificate is wrong: nothing is sent there, a person is told, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import trustme

from tests.support.acceptance import Stage, terminated, until
from tests.support.tls import TlsFront


def test_a_wrong_certificate_stops_one_side_and_loses_nothing(tmp_path: Path) -> None:
    ours, another = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(tmp_path / "ca.pem")
    good, wrong = ours.issue_cert("127.0.0.1"), another.issue_cert("127.0.0.1")
    with Stage(tmp_path) as stage, TlsFront(stage.till.url, good) as front:
        stage.stock(2, till=lambda _n: 20, shop=lambda _n: 20)
        text = stage.config.read_text().replace(stage.till.url, front.url)
        stage.config.write_text(text)
        refused = stage.syncd("check", code=1)
        assert "inventorum: POST auth/token/: TLS certificate wrong: " in refused.out
        assert "`ca` names an authority of your own" in refused.out
        assert stage.till.calls() == []

        stage.config.write_text(text.replace("[inventorum]", '[inventorum]\nca = "ca.pem"'))
        stage.syncd("sync")
        daemon = stage.daemon()
        until(lambda: "daemon.started" in stage.daemon_log(0), "the daemon works")
        front.show(wrong)
        stage.till.move(stage.at_till("S-0"), -3)
        stage.shop.order({stage.in_shop("S-1"): 2})
        query = "SELECT kind, severity, message FROM findings WHERE closed_at IS NULL"
        until(lambda: stage.rows(query), "it is told")
        ((kind, severity, message),) = stage.rows(query)
        assert (kind, severity) == ("certificate_wrong", "error")
        assert message.startswith("inventorum: TLS certificate wrong: ")

        front.show(good)
        until(stage.agree, "what was sold on both sides is on both sides")
        until(lambda: not stage.rows(query), "the finding closes by itself")
        assert stage.till.quantities() == {"S-0": 17, "S-1": 18}
        terminated(daemon)
