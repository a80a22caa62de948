"""What the HTTP layer promises: reads are retried, writes are sent once, and every failure has the right name."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from syncd.errors import InvalidResponse, OutcomeUnknown, RateLimited, Stopped, Transient
from syncd.http import HttpSession, RateBudget, RetryPolicy, redact
from syncd.service.runs import RequestCounter
from syncd.simulators.server import Fault, SimRequest, SimResponse, SimServer
from tests.support.raw_server import RawServer, closed_port, drip

QUICK = RetryPolicy(attempts=3, first_wait_s=0.01, longest_wait_s=2.0)


class Counter:
    """A side whose only stock is a number that every write raises; ``answers`` are given first."""

    def __init__(self) -> None:
        self.value = 0
        self.seen: list[SimRequest] = []
        self.answers: list[SimResponse] = []

    def handle(self, request: SimRequest) -> SimResponse:
        self.seen.append(request)
        if self.answers:
            return self.answers.pop(0)
        if request.method != "GET":
            self.value += 1
        return SimResponse(200, {"value": self.value}, {"Set-Cookie": "sn=secret-session; Path=/"})

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        raise KeyError(action)


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def server(counter: Counter) -> Iterator[SimServer]:
    with SimServer(counter) as running:
        yield running


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


Connect = Callable[..., HttpSession]


@pytest.fixture
def connect(stop: threading.Event) -> Iterator[Connect]:
    opened: list[HttpSession] = []

    def make(url: str, **options: Any) -> HttpSession:
        defaults: dict[str, Any] = {"timeout_s": 5.0, "retry": QUICK, "budget": RateBudget(None)}
        session = HttpSession(side="till", base_url=url, stop=stop, **(defaults | options))
        opened.append(session)
        return session

    yield make
    for session in opened:
        session.close()


@pytest.mark.parametrize("kind", ["lost_before", "lost_after", "error_500_html", "truncated", "too_many"])
def test_a_read_is_tried_again_after_a_temporary_failure(server: SimServer, connect: Connect, kind: str) -> None:
    server.add_fault(Fault(kind, times=2, seconds=0))
    assert connect(server.url).read("things/").json() == {"value": 0}
    assert len(server.requests()) == 3


def test_a_read_gives_up_after_its_tries(server: SimServer, connect: Connect) -> None:
    server.add_fault(Fault("error_500_html", times=-1))
    with pytest.raises(Transient) as caught:
        connect(server.url).read("things/")
    assert type(caught.value) is Transient
    assert caught.value.request == "GET things/"
    assert len(server.requests()) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_refused_read_is_answered_at_once_and_left_to_the_caller(
    server: SimServer, counter: Counter, connect: Connect, status: int
) -> None:
    counter.answers = [SimResponse(status, {"error": "no"})]
    assert connect(server.url).read("things/").status == status
    assert len(counter.seen) == 1


@pytest.mark.parametrize(
    ("kind", "applied"),
    [
        ("lost_before", 0),
        ("lost_after", 1),
        ("error_500_html", 0),
        ("error_500_after", 1),
        ("truncated", 1),
    ],
)
def test_a_write_without_a_sound_answer_is_unknown_and_never_repeated(
    server: SimServer, counter: Counter, connect: Connect, kind: str, applied: int
) -> None:
    server.add_fault(Fault(kind))
    with pytest.raises(OutcomeUnknown):
        connect(server.url).write("PUT", "things/1/", json={"add": 1})
    assert len(server.requests()) == 1
    assert counter.value == applied


def test_a_write_that_is_answered_too_late_is_unknown(server: SimServer, connect: Connect) -> None:
    server.add_fault(Fault("slow", seconds=1.0))
    with pytest.raises(OutcomeUnknown, match="ReadTimeout"):
        connect(server.url, timeout_s=0.2).write("PUT", "things/1/", json={})
    assert len(server.requests()) <= 1


def test_a_write_on_a_connection_that_died_while_idle_is_never_sent_twice(connect: Connect) -> None:
    def one_answer_then_close(connection: Any, _stopping: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        connection.recv(65536)

    with RawServer(one_answer_then_close) as raw:
        session = connect(raw.url)
        session.read("things/")
        with pytest.raises(OutcomeUnknown):
            session.write("PUT", "things/1/", json={})
        assert len(raw.requests) == 1


def test_a_refused_connection_sent_nothing(connect: Connect) -> None:
    session = connect(f"http://127.0.0.1:{closed_port()}/")
    with pytest.raises(Transient) as caught:
        session.write("PUT", "things/1/", json={})
    assert not isinstance(caught.value, OutcomeUnknown)
    with pytest.raises(Transient, match="no connection"):
        session.read("things/")


def test_a_write_answered_with_429_is_not_repeated_and_names_the_wait(
    server: SimServer, counter: Counter, connect: Connect
) -> None:
    server.add_fault(Fault("too_many", seconds=7))
    with pytest.raises(RateLimited) as caught:
        connect(server.url).write("PUT", "things/1/", json={})
    assert caught.value.retry_after_s == 7
    assert counter.value == 0
    assert len(server.requests()) == 1


def test_a_read_waits_as_long_as_retry_after_says(server: SimServer, connect: Connect) -> None:
    server.add_fault(Fault("too_many", seconds=1))
    begun = time.monotonic()
    connect(server.url).read("things/")
    assert time.monotonic() - begun >= 1
    assert len(server.requests()) == 2


def test_retry_after_as_a_date_counts_from_the_servers_clock(
    server: SimServer, counter: Counter, connect: Connect
) -> None:
    theirs = datetime(2020, 1, 1, tzinfo=UTC)
    headers = {
        "Date": format_datetime(theirs, usegmt=True),
        "Retry-After": format_datetime(theirs + timedelta(seconds=90), usegmt=True),
    }
    counter.answers = [SimResponse(429, None, headers)]
    with pytest.raises(RateLimited) as caught:
        connect(server.url).read("things/")
    assert caught.value.retry_after_s == 90
    assert len(counter.seen) == 1, "a wait longer than ours ends the call and is reported"


def test_429_without_retry_after_is_retried_with_back_off(server: SimServer, connect: Connect) -> None:
    server.add_fault(Fault("too_many", seconds=-1))
    assert connect(server.url).read("things/").status == 200


def test_a_429_pauses_every_thread_of_the_side(server: SimServer, connect: Connect) -> None:
    budget = RateBudget(None)
    server.add_fault(Fault("too_many", seconds=1))
    session = connect(server.url, budget=budget)
    with pytest.raises(RateLimited):
        session.write("PUT", "things/1/", json={})
    begun = time.monotonic()
    session.read("things/")
    assert time.monotonic() - begun >= 0.9


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_refused_not_followed(
    server: SimServer, counter: Counter, connect: Connect, method: str, status: int
) -> None:
    counter.answers = [SimResponse(status, b"", {"Location": f"{server.url}/things/?token=hidden-value"})]
    session = connect(server.url)
    with pytest.raises(InvalidResponse, match="redirected") as caught:
        _ = session.read("things") if method == "GET" else session.write("PUT", "things", json={})
    assert "hidden-value" not in str(caught.value)
    assert [request.path for request in counter.seen] == ["/things"]
    assert counter.value == 0


@pytest.mark.parametrize("write", [False, True])
def test_a_body_that_drips_for_ever_is_cut_off(connect: Connect, write: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    with RawServer(drip(head, b" ", 0.02)) as raw:
        session = connect(raw.url, deadline_s=0.3, retry=RetryPolicy(attempts=1))
        begun = time.monotonic()
        with pytest.raises(OutcomeUnknown if write else Transient, match="not complete"):
            _ = session.write("PUT", "a/", json={}) if write else session.read("a/")
        assert time.monotonic() - begun < 3
        assert len(raw.requests) == 1


def test_an_html_page_with_status_200_is_no_answer(server: SimServer, connect: Connect) -> None:
    server.add_fault(Fault("html_200"))
    reply = connect(server.url).read("things/")
    with pytest.raises(InvalidResponse, match="HTML") as caught:
        reply.json()
    assert "Just a moment" in caught.value.sample


def test_cookies_are_not_kept(server: SimServer, counter: Counter, connect: Connect) -> None:
    session = connect(server.url)
    session.read("things/")
    session.read("things/")
    assert [request.headers.get("cookie") for request in counter.seen] == [None, None]


def test_a_stop_ends_the_wait_between_tries(server: SimServer, connect: Connect, stop: threading.Event) -> None:
    server.add_fault(Fault("error_500_html", times=-1))
    server.hooks.append(lambda request: stop.set())
    with pytest.raises(Stopped):
        connect(server.url, retry=RetryPolicy(first_wait_s=60)).read("things/")
    assert len(server.requests()) == 1


def test_nothing_is_sent_after_a_stop(server: SimServer, connect: Connect, stop: threading.Event) -> None:
    stop.set()
    with pytest.raises(Stopped):
        connect(server.url).write("PUT", "things/1/", json={})
    assert not server.requests()


def test_the_budget_spaces_requests_of_all_threads(server: SimServer, connect: Connect) -> None:
    session = connect(server.url, budget=RateBudget(20))
    threads = [threading.Thread(target=session.read, args=("things/",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    arrivals = sorted(record.at for record in server.requests())
    assert len(arrivals) == 5
    assert arrivals[-1] - arrivals[0] >= 0.15


def test_every_exchange_is_reported_without_its_query(server: SimServer, connect: Connect) -> None:
    told: list[tuple[str, str, int]] = []
    server.add_fault(Fault("lost_before"))
    session = connect(server.url, on_request=lambda method, path, status, ms: told.append((method, path, status)))
    session.read("things/", params={"token": "hidden-value"})
    assert told == [("GET", "things/", 0), ("GET", "things/", 200)]


def test_a_question_that_is_posted_counts_as_a_read(server: SimServer, connect: Connect) -> None:
    counter = RequestCounter()
    session = connect(server.url, on_request=counter)
    session.read("things/", json={"ask": 1})
    session.write("POST", "things/1/", json={"add": 1})
    assert [record.method for record in server.requests()] == ["POST", "POST"]
    assert counter.take() == (1, 1)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("POST access_token: the shop refused client_id", "POST access_token: the shop refused client_id"),
        ("shops.a.client_secret: missing: the key", "shops.a.client_secret: missing: the key"),
        ("access_token: theseus-1", "access_token: ***"),
        ("client_secret=missing", "client_secret=***"),
        ("X-Api-Key: theseus-1", "X-Api-Key: ***"),
        ('{"refresh_token": "the"}', '{"refresh_token": "***"}'),
    ],
)
def test_our_own_words_after_the_name_of_a_secret_stay(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_secrets_do_not_reach_errors(server: SimServer, connect: Connect) -> None:
    server.add_fault(Fault("lost_after"))
    with pytest.raises(OutcomeUnknown) as caught:
        connect(server.url).write("POST", "auth/", data={"refresh_token": "hidden-value"}, auth=("app", "hidden-value"))
    assert "hidden-value" not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize("header", ["example-access-token", "example-api-key"])
def test_a_page_that_repeats_a_credential_of_the_head_does_not_show_it(
    server: SimServer, counter: Counter, connect: Connect, header: str
) -> None:
    counter.answers = [SimResponse(404, b"<p>you sent hidden-value</p>", {"Content-Type": "text/html"})]
    reply = connect(server.url).read("things/", headers={header: "hidden-value"})
    assert "hidden-value" not in reply.sample


def test_a_process_that_may_not_write_sends_reads_and_token_requests_only(
    server: SimServer, counter: Counter, connect: Connect
) -> None:
    session = connect(server.url, may_write=lambda: False)
    with pytest.raises(Stopped, match=r"PUT stock/ was not sent: this process may not lead"):
        session.write("PUT", "stock/", json={"add": 1})
    assert session.read("things/").json() == {"value": 0}
    assert session.write("POST", "token/", data={"grant_type": "x"}, guarded=False).json() == {"value": 1}
    assert [(request.method, request.path) for request in counter.seen] == [("GET", "/things/"), ("POST", "/token/")]


@pytest.mark.parametrize("questions", [2, 3])
def test_the_last_question_is_asked_when_the_connection_stands_and_before_each_part(
    connect: Connect, questions: int
) -> None:
    """Waiting for the budget, connecting and the handshake may all take long: what was true before says nothing."""
    asked: list[bool] = []
    connected = threading.Event()

    def may_write() -> bool:
        asked.append(len(asked) == 0 or connected.wait(10))
        return len(asked) < questions

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:

        def serve() -> bytes:
            connection, _ = listener.accept()
            connected.set()
            with connection, connection.makefile("rb") as stream:
                return stream.read()

        received = pool.submit(serve)
        session = connect(f"http://127.0.0.1:{listener.getsockname()[1]}/", may_write=may_write)
        with pytest.raises(Stopped):
            session.write("PUT", "stock/", json={"add": 1})
        arrived = received.result(10)
    assert asked == [True] * questions
    head, _, body = arrived.partition(b"\r\n\r\n")
    assert (head.startswith(b"PUT /stock/ HTTP/1.1"), body) == (questions == 3, b"")


def test_the_kernel_does_not_go_on_sending_what_was_given_up(connect: Connect, server: SimServer) -> None:
    """Unacknowledged data is repeated for a quarter of an hour by default, even after the process has ended."""
    session = connect(server.url, timeout_s=7.0)
    session.read("things/")
    (pooled,) = session._client._transport._pool.connections  # type: ignore[attr-defined]  # only there to be seen
    connection: socket.socket = pooled._connection._network_stream.get_extra_info("socket")
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000


@pytest.mark.parametrize("kind", ["truncated", "lost_after", "error_500_html"])
def test_a_file_is_fetched_anew_from_its_beginning(
    server: SimServer, connect: Connect, counter: Counter, kind: str
) -> None:
    """What an attempt has left there is gone, and a body that is an error does not get there."""
    content = b"line\n" * 10_000
    counter.answers = [SimResponse(200, content)] * (1 if kind == "error_500_html" else 2)
    server.add_fault(Fault(kind))
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 10**6)
        reply = connect(server.url).read("export", into=file)
        file.seek(0)
        assert (reply.status, file.read()) == (200, content)
        counter.answers = [SimResponse(404, b"not found")]
        file.seek(0)
        assert connect(server.url).read("export", into=file).body == b"not found"
        file.seek(0)
        assert file.read() == content
