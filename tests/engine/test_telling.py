"""People are told of each finding once, whatever fails; a monitor hears of the truth or of nothing."""

from __future__ import annotations

import email
import email.policy
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger
from pydantic import SecretStr

from syncd.config.schema import NotifyConfig, PingConfig
from syncd.errors import DatabaseUnavailable, NotDelivered
from syncd.http.hook import call
from syncd.log import register_secrets
from syncd.service.findings import Found, close_finding, open_finding
from syncd.service.mail import send_mail
from syncd.service.telling import Mail, Message, Ping, Telling
from syncd.state.models import Side
from tests.support.engine import Clock
from tests.support.outside import Hook, MailServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.state.engine import Database


class People:
    """Somebody who is told, and remembers it. ``deaf``: how many messages are not taken."""

    def __init__(self, db: Database, way: str = "webhook", **notify: Any) -> None:
        self.db = db
        self.clock = Clock()
        self.heard: list[Message] = []
        self.deaf = 0
        self._way = way
        self._config: Any = SimpleNamespace(
            source=Path("/etc/syncd/berlin.toml"), notify=NotifyConfig(**notify), sides=[]
        )
        self.restart()

    def restart(self) -> None:
        self.telling = Telling(self.db, self._way, self._config, self._take, self.clock)

    def _take(self, message: Message) -> None:
        if self.deaf:
            self.deaf -= 1
            raise NotDelivered("answered 500")
        self.heard.append(message)

    def open(self, subject: str, severity: str = "error", message: str = "m") -> None:
        found = Found(kind="oversell", subject=subject, message=message, advice=f"about {subject}", severity=severity)
        with self.db.write() as session:
            open_finding(session, found, self.clock())

    def close(self, subject: str) -> None:
        with self.db.write() as session:
            close_finding(session, "oversell", subject, self.clock())

    def tell(self, after_s: float = 0) -> list[str]:
        """Let it tell; returns what the newest message is about, if there is a new one."""
        self.clock.advance(after_s)
        before = len(self.heard)
        self.telling()
        new = self.heard[before:]
        assert len(new) <= 1
        return [finding["advice"].removeprefix("about ") for message in new for finding in message.findings]


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


def test_each_finding_is_told_once_and_a_restart_tells_none_again(people: People) -> None:
    people.open("a")
    assert people.tell() == ["a"]
    assert people.tell(3600) == []
    people.restart()
    assert people.tell(3600) == []
    people.open("b")
    people.restart()
    assert people.tell(3600) == ["b"]


def test_the_first_message_tells_what_is_open_and_no_history(people: People) -> None:
    people.open("long ago")
    people.close("long ago")
    people.open("still")
    assert people.tell() == ["still"]


def test_what_is_not_taken_is_told_later_and_not_lost(people: People) -> None:
    assert people.tell() == []
    people.open("a")
    people.deaf = 2
    for _ in range(2):
        with pytest.raises(NotDelivered):
            people.tell(10)
    people.restart()
    people.open("b")
    assert people.tell(10) == ["a", "b"]
    assert people.tell(3600) == []


def test_messages_keep_their_distance_and_tell_together_what_came_meanwhile(people: People) -> None:
    people.open("a")
    assert people.tell() == ["a"]
    people.open("b")
    assert people.tell(100) == []
    people.open("c")
    people.restart()
    assert people.tell(100) == []
    assert people.tell(101) == ["b", "c"]


def test_what_was_over_before_it_could_be_told_is_told_as_such(people: People) -> None:
    people.open("a")
    people.tell()
    people.open("b")
    people.clock.advance(5)
    people.close("b")
    assert people.tell(300) == ["b"]
    assert "(over by now)" in people.heard[-1].text


def test_a_finding_that_is_back_is_a_new_one(people: People) -> None:
    people.open("a")
    people.tell()
    people.close("a")
    people.open("a")
    assert people.tell(300) == ["a"]


def test_only_the_chosen_severities_are_told(sqlite_database: Database) -> None:
    people = People(sqlite_database, severities=["warning"])
    for severity in ("info", "warning", "error"):
        people.open(severity, severity)
    assert people.tell() == ["warning"]
    people.open("later", "error")
    assert people.tell(3600) == []


def test_each_way_keeps_its_own_count(sqlite_database: Database) -> None:
    webhook, mail = People(sqlite_database), People(sqlite_database, "mail")
    webhook.open("a")
    assert webhook.tell() == ["a"]
    mail.deaf = 1
    with pytest.raises(NotDelivered):
        mail.tell()
    assert webhook.tell(300) == []
    assert mail.tell(10) == ["a"]


def test_a_clock_that_was_set_back_does_not_silence(people: People) -> None:
    people.open("a")
    people.tell()
    people.open("b")
    people.clock.at -= timedelta(days=2)
    assert people.tell() == ["b"]


def test_many_findings_are_one_message_of_a_readable_length(people: People) -> None:
    for number in range(50):
        people.open(f"f{number}")
    assert len(people.tell()) == 20
    (message,) = people.heard
    assert message.count == 50
    assert "50 new findings: oversell" in message.subject
    assert "… and 30 more: `syncd findings --all`" in message.text
    assert people.tell(300) == []


def test_no_secret_is_told(people: People) -> None:
    register_secrets("s3cret-of-the-shop")
    people.open("a", message="refused s3cret-of-the-shop and token=abcdefgh")
    people.tell()
    told = str(people.heard[0].as_dict())
    assert "refused ***" in told
    assert "s3cret-of-the-shop" not in told
    assert "abcdefgh" not in told


def test_a_message_names_the_account_and_reads_well(people: People) -> None:
    people.open("a", message="Cup is oversold")
    people.tell()
    document = people.heard[0].as_dict()
    assert document["account"] == "berlin"
    assert document["subject"].startswith("syncd (berlin on ")
    assert "1  error  oversell: Cup is oversold\n    about a" in document["text"]
    assert document["findings"][0]["opened_at"] == "2026-11-23T12:00:00+00:00"


# Whom it is brought to


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as made:
        yield made


def test_a_webhook_gets_json(hook: Hook) -> None:
    call(hook.url, json={"text": "ä"})
    assert hook.calls == [("POST", "/s3cret-path", {"text": "ä"})]


@pytest.mark.parametrize(("status", "says"), [(404, "answered 404"), (500, "answered 500"), (302, "answered 302")])
def test_what_is_no_yes_is_a_no_and_names_no_address(hook: Hook, status: int, says: str) -> None:
    hook.status = status
    with pytest.raises(NotDelivered, match=rf"^{says}$"):
        call(hook.url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/s3cret", "http://[bad/s3cret", "http://name.invalid/s3cret"])
def test_nobody_there_is_no_address_in_the_log(url: str) -> None:
    with pytest.raises(NotDelivered, match=r"^no answer") as raised:
        call(url)
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None


def mail_config(address: str, **more: Any) -> NotifyConfig:
    return NotifyConfig(
        **{"mail_security": "none", "mail_from": "syncd@shop.example", "mail_to": ["a@x.example", "b@x.example"]}
        | {"mail_server": address, **more}
    )


def test_a_mail_reaches_all_receivers() -> None:
    with MailServer() as server:
        send_mail(mail_config(server.address), "1 new finding: größer", "Täxt\n.\nend")
        (raw,) = server.mails
    found = email.message_from_string(raw, policy=email.policy.default)
    assert (found["Subject"], found["Auto-Submitted"]) == ("1 new finding: größer", "auto-generated")
    assert [line.split(":")[1] for line in server.receivers] == ["<a@x.example>", "<b@x.example>"]
    assert found.get_content().splitlines() == ["Täxt", ".", "end"]


def test_a_receiver_that_the_server_refuses_is_named_by_its_place_once_and_the_others_get_the_mail() -> None:
    said: list[str] = []
    number = logger.add(lambda message: said.append(f"{message.record['message']} {message.record['extra']}"))
    message = Message("", "till", [], 0)
    try:
        with MailServer() as server:
            mail = Mail(mail_config(server.address))
            server.unknown = {"b@x.example"}
            mail(message)
            mail(message)
            server.unknown = set()
            mail(message)
            server.unknown = {"a@x.example"}
            mail(message)
            assert len(server.mails) == 4
    finally:
        logger.remove(number)
    told = [line for line in said if line.startswith("mail.receiver_refused")]
    assert told == [f"mail.receiver_refused {{'receivers': '{place}', 'of': 2}}" for place in (2, 1)]
    assert not any("@" in line for line in said)


def test_a_mail_that_is_refused_or_would_go_in_the_clear_is_not_delivered() -> None:
    with MailServer() as server:
        with pytest.raises(NotDelivered):
            send_mail(mail_config(server.address, mail_security="starttls"), "s", "t")
        server.refuses = True
        with pytest.raises(NotDelivered):
            send_mail(mail_config(server.address), "s", "t")
        assert server.mails == []
    with pytest.raises(NotDelivered, match="took nothing"):
        send_mail(mail_config(server.address), "s", "t")


def test_a_log_in_that_no_mail_server_can_be_told_is_named_without_being_shown() -> None:
    """The log-in of the standard library takes ASCII only; how it fails would be taken for a mistake of ours."""
    with MailServer() as server:
        config = mail_config(
            server.address, mail_security="starttls", mail_user="anna", mail_password=SecretStr("s3cret-größe")
        ).model_copy(update={"mail_security": "none"})
        server.extensions = ["AUTH PLAIN LOGIN"]
        with pytest.raises(NotDelivered, match=r"mail_user and mail_password .* ASCII") as raised:
            send_mail(config, "s", "t")
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert server.mails == []


def test_a_host_that_cannot_be_one_is_no_mistake_of_ours() -> None:
    with pytest.raises(NotDelivered, match="took nothing"):
        send_mail(mail_config("mail..example:587"), "s", "t")


# The monitor


class Monitored:
    def __init__(self, db: Database, hook: Hook, **without: None) -> None:
        base = hook.url
        urls: dict[str, Any] = {f"{way}_url": SecretStr(f"{base}/{way}") for way in ("start", "success", "fail")}
        ping = PingConfig(**urls | without)
        self.clock = Clock()
        sides = [SimpleNamespace(name="web", kind="memory", poll_seconds=15)]
        config: Any = SimpleNamespace(ping=ping, sides=sides)
        self.writable = True
        self.ping = Ping(db, config, self.clock, lambda: self.writable)
        with db.write() as session:
            session.add(Side(name="web", role="shop", adapter="m", created_at=self.clock(), last_read_at=self.clock()))


def test_the_monitor_hears_of_the_start_of_success_and_of_failure(database: Database, hook: Hook) -> None:
    monitored = Monitored(database, hook)
    monitored.ping()
    monitored.ping()
    monitored.clock.advance(3600)
    monitored.ping()
    assert [path.rpartition("/")[2] for path in hook.paths] == ["start", "success", "success", "fail"]
    assert {method for method, _, _ in hook.calls} == {"GET"}


def test_a_start_that_is_not_taken_silences_nothing(sqlite_database: Database, hook: Hook) -> None:
    """It is tried again until it is taken, and the log says that something is not."""
    monitored = Monitored(sqlite_database, hook)
    hook.status = 404
    with pytest.raises(NotDelivered):
        monitored.ping()
    assert [path.rpartition("/")[2] for path in hook.paths] == ["start", "success"]
    hook.status = 200
    monitored.ping()
    monitored.ping()
    assert [path.rpartition("/")[2] for path in hook.paths[2:]] == ["start", "success", "success"]


def test_a_daemon_that_just_began_has_not_failed_yet(sqlite_database: Database, hook: Hook) -> None:
    """Nobody read the sides over night; the first pass is under way."""
    monitored = Monitored(sqlite_database, hook)
    monitored.clock.advance(36_000)
    monitored.ping()
    monitored.clock.advance(599)
    monitored.ping()
    assert [path.rpartition("/")[2] for path in hook.paths] == ["start"]
    monitored.clock.advance(1)
    monitored.ping()
    assert hook.paths[-1].endswith("/fail")


def test_without_an_address_for_failure_the_monitor_hears_nothing(sqlite_database: Database, hook: Hook) -> None:
    monitored = Monitored(sqlite_database, hook, fail_url=None, start_url=None)
    monitored.ping()
    monitored.clock.advance(3600)
    monitored.ping()
    assert [path.rpartition("/")[2] for path in hook.paths] == ["success"]


def test_a_database_that_can_only_be_read_is_a_failure(sqlite_database: Database, hook: Hook) -> None:
    """A full disk: all that can be read looks well for minutes."""
    monitored = Monitored(sqlite_database, hook, start_url=None)
    for monitored.writable in (True, False, True):
        monitored.ping()
    assert [path.rpartition("/")[2] for path in hook.paths] == ["success", "fail", "success"]


def test_a_database_that_is_away_is_silence(sqlite_database: Database, hook: Hook) -> None:
    monitored = Monitored(sqlite_database, hook, start_url=None)
    sqlite_database.engine.dispose()
    folder = Path(str(sqlite_database.engine.url.database)).parent
    folder.rename(folder.with_name(f"{folder.name}-away"))
    with pytest.raises(DatabaseUnavailable):
        monitored.ping()
    assert hook.calls == []
