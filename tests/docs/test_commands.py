"""What the pages, and the program's own messages, tell people to type exists."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from syncd.cli import COMMANDS, cli
from tests.docs import tutorial
from tests.docs.pages import NOT_YET, PAGES, ROOT, Code, code

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
WORD = re.compile(r"[a-z][a-z-]*")


def problem(words: list[str]) -> str:
    """What is wrong with a command line of syncd; empty if nothing is, or if it is none."""
    if not words or words[0].rpartition("/")[2] != "syncd":
        return ""
    command: click.Command = cli
    for word in words[1:]:
        word = word.strip("[]")  # noqa: PLW2901 - brackets mean "may be left out"
        if word == "|":
            break
        if word.startswith("-"):
            known = {name for item in command.params for name in (*item.opts, *item.secondary_opts)}
            if word.partition("=")[0] not in known | {"-h", "--help"}:
                return f"{command.name} has no option {word}"
        elif isinstance(command, click.Group) and WORD.fullmatch(word):
            below = command.get_command(click.Context(command), word)
            if below is None:
                return f"there is no command {word}"
            command = below
    return ""


def wrong(found: Code) -> str:
    complaint = problem(found.words)
    marked = NOT_YET in found.behind
    if complaint and not marked:
        return f"{' '.join(found.words)}: {complaint}"
    if marked and not complaint and len(found.words) > 1 and found.words[0] == "syncd":
        return f"{' '.join(found.words)} is there, but the page says that it is not"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist_or_are_marked(page: Path) -> None:
    complaints = [complaint for found in code(page.read_text("utf-8")) if (complaint := wrong(found))]
    assert complaints == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_and_modules_exist(page: Path) -> None:
    for found in code(page.read_text("utf-8")):
        match found.words:
            case ["make", *words]:
                targets = {word for word in words if WORD.fullmatch(word)}
                assert targets <= TARGETS, found.words
            case ["python", "-m", module, *_]:
                assert find_spec(module), found.words


def test_the_readme_names_every_command() -> None:
    named = {found.words[1] for found in code(PAGES[0].read_text("utf-8")) if len(found.words) > 1}
    assert {entry.name for entry in COMMANDS} <= named


def test_tests_that_a_page_points_to_exist() -> None:
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    built = tutorial.files()
    for page in PAGES:
        for found in code(page.read_text("utf-8")):
            for word in found.words[:1]:
                if re.fullmatch(r"test_\w+", word):
                    assert f"def {word}(" in tests, f"{page.name}: {word}"
                elif re.fullmatch(r"test_\w+\.py|tests/[\w/]+\.py", word) and word not in built:
                    assert list((ROOT / "tests").rglob(Path(word).name)), f"{page.name}: {word}"


def test_messages_of_the_program_name_commands_that_exist() -> None:
    complaints = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {complaint}"
        for path in sorted((ROOT / "syncd").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for words in re.findall(r"`(syncd [^`{]+)`", node.value)
        if (complaint := problem(words.split()))
    ]
    assert complaints == []


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("Run `syncd sync --full`.", []),
        ("Run `syncd sync --never`.", ["syncd sync --never: sync has no option --never"]),
        ("Run `syncd conjure`.", ["syncd conjure: there is no command conjure"]),
        ("`syncd conjure` is not yet there.", []),
        ("`syncd conjure` helps. Wings are not yet there.", ["syncd conjure: there is no command conjure"]),
        ("`syncd sync` is not yet there.", ["syncd sync is there, but the page says that it is not"]),
        ("`syncd db downgrade`", ["syncd db downgrade: there is no command downgrade"]),
        (
            "```\nsudo -u syncd /opt/syncd/bin/syncd db up # x\n```",
            ["/opt/syncd/bin/syncd db up: there is no command up"],
        ),
    ],
)
def test_this_test_sees_what_it_looks_for(text: str, complaints: list[str]) -> None:
    assert [complaint for found in code(text) if (complaint := wrong(found))] == complaints
