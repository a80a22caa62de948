"""The lock for tests follows pyproject.toml, names no registry, and has a hash for every file."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.docs.pages import ROOT

LOCK = (ROOT / "tests" / "requirements.txt").read_text("utf-8")
LOCKED = {canonicalize_name(found[1]): found[2] for found in re.finditer(r"(?m)^([A-Za-z0-9._-]+)==(\S+)", LOCK)}


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    texts = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    texts += [text for extra in project["project"]["optional-dependencies"].values() for text in extra]
    return [Requirement(text) for text in texts]


def test_every_dependency_is_locked_within_its_range() -> None:
    wrong = [
        f"{one}: {LOCKED.get(canonicalize_name(one.name), 'missing')}; make lock"
        for one in wanted()
        if not one.specifier.contains(LOCKED.get(canonicalize_name(one.name), "0.dev0"), prereleases=True)
    ]
    assert wrong == []


def test_every_version_has_hashes_and_no_address() -> None:
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", LOCK)[1:]
    assert len(entries) == len(LOCKED) > 40
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"https?://|file:|@ |index-url|find-links", LOCK)


def test_the_lock_is_for_every_python_that_syncd_runs_on() -> None:
    """A marker may tell systems and interpreters apart, and no version of Python that we name is left out."""
    markers = set(re.findall(r"(?m)^\S+ ; (.*?) \\\\$", LOCK))
    assert not [marker for marker in markers if "python_version" in marker or "python_full_version" in marker]
