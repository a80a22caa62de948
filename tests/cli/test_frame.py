"""The frame around every command: options, errors, exit codes, a quick start."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click
import pytest

from syncd import __version__
from syncd.cli import COMMANDS, cli
from syncd.cli.command import CliContext, Group, pass_cli
from syncd.cli.failure import INTERRUPTED, advice_for, run_guarded
from syncd.cli.opening import reading_progress
from syncd.errors import AuthRejected, SafetyStop, SyncdError
from syncd.log import register_secrets

from .conftest import Run

BAD = """
[syncd]
database = "sqlite:////x.db"
[inventorum]
client_id = "a"
client_secret = "very-hidden"
refresh_token = "t"
[shops.main]
adapter = "cornre"
[shops.main.stock]
buffer = -1
bufers = {}
"""


def test_help_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys\nfrom syncd.cli import main\nassert main(['--help']) == 0\n"
        "heavy = {'pydantic', 'sqlalchemy', 'httpx', 'rich', 'loguru', 'alembic', 'apscheduler'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    for entry in COMMANDS:
        assert f"  {entry.name} " in done.stdout


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_of_the_table_exists(entry: tuple[str, str, str]) -> None:
    command = cli.get_command(click.Context(cli), entry[0])
    assert command is not None
    assert command.name == entry[0]
    assert command.help
    assert entry[2].endswith(".")
    assert {"--config", "--json"} <= {option for param in command.params for option in param.opts}


def test_version(run: Run) -> None:
    assert run("--version").out == f"syncd {__version__}\n"


def test_python_dash_m_is_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "syncd", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"syncd {__version__}\n"


@pytest.mark.usefixtures("corner")
def test_mistakes_in_the_configuration_are_listed_and_exit_78(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(BAD)
    result = run("check", "--offline", "--config", path)
    assert (result.code, result.out) == (78, "")
    assert result.err.splitlines() == [
        f"error: {path} has 3 problems",
        '  shops.main.adapter: "cornre" is not a known adapter (did you mean "corner"?)',
        "  shops.main.stock.buffer: -1 is below the minimum of 0",
        '  shops.main.stock.bufers: unknown key (did you mean "buffers"?)',
    ]


@pytest.mark.parametrize("order", ["before", "after", "mixed"])
def test_shared_options_stand_before_or_after_the_command(run: Run, tmp_path: Path, order: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(BAD)
    options = ["--config", str(path), "--json"]
    argv = {
        "before": [*options, "check", "--offline"],
        "after": ["check", "--offline", *options],
        "mixed": ["--json", "check", "--offline", "--config", str(path)],
    }[order]
    result = run(*argv)
    assert (result.code, result.err) == (78, "")
    error = json.loads(result.out)["error"]
    assert (error["kind"], error["exit_code"], error["file"]) == ("ConfigError", 78, str(path))
    assert {problem["path"] for problem in error["problems"]} == {
        "shops.main.adapter",
        "shops.main.stock.buffer",
        "shops.main.stock.bufers",
    }
    assert "very-hidden" not in result.out


def test_shared_options_work_around_a_family(run: Run, config_file: Path) -> None:
    for argv in (
        ["--config", config_file, "db", "--json", "upgrade"],
        ["db", "--config", config_file, "upgrade", "--json"],
        ["db", "upgrade", "--json", "--config", config_file],
    ):
        result = run(*argv)
        assert result.code == 0
        assert json.loads(result.out)["after"]


def test_no_configuration_says_where_it_looked(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("syncd.config.load.SYSTEM_PATH", tmp_path / "nowhere.toml")
    result = run("check")
    assert result.code == 78
    assert "looked for --config, $SYNCD_CONFIG" in result.err
    assert "syncd init" in result.err


@pytest.mark.parametrize("argv", [["nonsense"], ["check", "--nonsense"], ["db", "backup"], ["db", "nonsense"]])
def test_wrong_usage_exits_2(run: Run, argv: list[str]) -> None:
    result = run(*argv)
    assert (result.code, result.out) == (2, "")
    assert "Usage: syncd" in result.err
    as_json = run(*argv, "--json")
    assert as_json.code == 2
    assert json.loads(as_json.out)["error"]["kind"] == "Usage"


@click.group(cls=Group)
def broken() -> None:
    """Commands that end in every possible way."""


@broken.command()
@pass_cli
def fine(context: CliContext) -> int:
    context.say("[bold]brackets[/] are text")
    context.emit({"n": 1})
    return 4


@broken.command()
def bug() -> NoReturn:
    raise ValueError("token=abc and s3cret-word")


@broken.command()
def refused() -> NoReturn:
    raise AuthRejected("main", "POST /auth/token/", "invalid_grant for s3cret-word")


@broken.command()
def stopped() -> NoReturn:
    raise SafetyStop("main", "21 items would go to zero", {"zeroed": 21})


@broken.command()
def interrupted() -> NoReturn:
    raise KeyboardInterrupt


@broken.command()
def leaves() -> NoReturn:
    raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("bug", 1, "error: unexpected ValueError: token=*** and ***"),
        ("refused", 5, "error: main: POST /auth/token/: invalid_grant for ***\n  put new credentials for this side"),
        ("stopped", 3, "error: main: 21 items would go to zero\n  look at `syncd plan`"),
        ("interrupted", 130, ""),
        ("leaves", 1, ""),
    ],
)
def test_every_failure_has_its_message_and_exit_code(
    capsys: pytest.CaptureFixture[str], name: str, code: int, words: str
) -> None:
    register_secrets("s3cret-word")
    streams = sys.stdout, sys.stderr
    try:
        assert run_guarded(broken, [name], CliContext()) == code
        assert run_guarded(broken, [name, "--json"], CliContext()) == code
    finally:
        sys.stdout, sys.stderr = streams  # click silences both after a broken pipe
    captured = capsys.readouterr()
    assert captured.err.strip().startswith(words)
    assert "Traceback" not in captured.err
    assert "s3cret-word" not in captured.err + captured.out
    if words:
        error = json.loads(captured.out)["error"]
        assert error["exit_code"] == code
        assert error["message"]


def test_the_result_of_a_command_is_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(broken, ["fine"], CliContext()) == 4
    assert capsys.readouterr().out == "[bold]brackets[/] are text\n"
    assert run_guarded(broken, ["fine", "--json"], CliContext()) == 4
    assert json.loads(capsys.readouterr().out) == {"n": 1}


def test_a_bug_shows_its_traceback_at_debug_level_only(run: Run, config_file: Path) -> None:
    text = config_file.read_text()
    code = (
        "import sys, syncd.cli.check as c\n"
        "c.MOST_SKEW_S = None\n"  # comparing with it fails, as a mistake of ours would
        "from syncd.cli import main\n"
        f"sys.path.insert(0, {str(config_file.parent / 'site')!r})\n"
        f"sys.exit(main(['check', '--config', {str(config_file)!r}]))\n"
    )
    assert run("db", "upgrade", "--config", config_file).code == 0

    def stderr() -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert "error: unexpected TypeError" in done.stderr
        return done.stderr

    assert "Traceback" not in stderr()
    config_file.write_text(text.replace("[syncd]", '[syncd]\nlog_level = "DEBUG"'))
    shown = stderr()
    assert "DEBUG cli.unexpected" in shown
    assert "Traceback" in shown
    assert "hidden-door-key" not in shown


def test_a_reader_that_leaves_early_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import sys, syncd.cli as c; sys.stdin.read(); sys.exit(c.main(['--help']))"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == ""
        process.wait(timeout=60)


def test_interrupt_from_the_keyboard_exits_130() -> None:
    code = (
        "import os, signal, sys, click\n"
        "from syncd.cli.command import CliContext, Group\n"
        "from syncd.cli.failure import run_guarded\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "@click.group(cls=Group)\n"
        "def g(): ...\n"
        "@g.command()\n"
        "def wait():\n"
        "    print('ready', flush=True)\n"
        "    signal.pause()\n"
        "sys.exit(run_guarded(g, ['wait'], CliContext()))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == ""


def test_every_error_of_ours_has_an_exit_code_of_the_documented_list() -> None:
    def tree(kind: type[SyncdError]) -> list[type[SyncdError]]:
        return [kind, *(found for child in kind.__subclasses__() for found in tree(child))]

    assert {kind.exit_code for kind in tree(SyncdError)} <= {0, 1, 2, 3, 4, 5, 78, INTERRUPTED}
    assert "new credentials" in advice_for(AuthRejected("main", "GET /", "no"))


def test_progress_without_a_terminal_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 1.0, 6.0, 6.0, 7.0, 12.0, 12.0])
    monkeypatch.setattr("syncd.cli.command.time.monotonic", lambda: next(seconds))
    with CliContext().progress("reading main") as update:
        update(10, None)
        update(20, 300)
        update(30, 400)
        update(40, None)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "reading main: 20 of 300\nreading main: 40\n"


def test_progress_of_several_sides_says_of_how_many_only_if_that_is_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count(0.0, 10.0)
    monkeypatch.setattr("syncd.cli.command.time.monotonic", lambda: next(seconds))
    with reading_progress(CliContext()) as note:
        note("till", "reading", 100, 300)
        note("web", "reading", 50, 425)
        note("web", "reading", 425, 425)
        note("web", "reading", 550, 425)  # more than it announced
        note("web", "reading again", 10, 10)
        note("till", "reading", 310, None)
    steps = capsys.readouterr().err.splitlines()
    assert [step.removeprefix("reading the sides: ") for step in steps] == [
        "100 of 300", "150 of 725", "525 of 725", "650", "110 of 310", "320",
    ]  # fmt: skip
