"""Mutants of what is told to the outside: health that lies, words that get lost, doors that stand open."""

from __future__ import annotations

from tests.mutants.mutant import Edit, Mutant

OPERATION_MUTANTS = (
    Mutant(
        "health-unsent",
        "what waits to be written makes a side stale: here only reads do",
        (
            Edit(
                "syncd/service/freshness.py",
                "write_stale=unsent_s is not None and unsent_s >",
                "write_stale=unsent_s is not None and 0 >",
            ),
        ),
        ("tests/engine/test_freshness.py",),
    ),
    Mutant(
        "fence-sending",
        "the kernel ends a process that sleeps beyond its lease while it sends: here its timer is never set",
        (
            Edit(
                "syncd/http/fence.py",
                "            self._under_way += 1\n            self._timer.set(left_s)",
                "            self._under_way += 1",
            ),
        ),
        ("tests/unit/test_http_fence.py",),
    ),
    Mutant(
        "lease-lost-untold",
        "a process whose renewal finds another leader says so: here it ends without a word",
        (
            Edit(
                "syncd/service/daemon.py",
                "        elif first:\n            logger.bind(detail=str(error)).error",
                "        elif False:\n            logger.bind(detail=str(error)).error",
            ),
        ),
        ("tests/engine/test_leading.py",),
    ),
    Mutant(
        "unwritable",
        "a database that can be read and not be written to does not look well: here it does",
        (Edit("syncd/state/lease.py", "            self.trouble = str(error)\n", ""),),
        ("tests/engine/test_leading.py",),
    ),
    Mutant(
        "turns",
        "of the threads of a process only one waits at the server for its turn: here each does",
        (
            Edit("syncd/state/engine.py", "if not self._turns.take(LOCK_WAIT_S):", "if False:"),
            Edit("syncd/state/engine.py", "            self._turns.give()\n", ""),
        ),
        ("tests/state/test_turns.py",),
    ),
    Mutant(
        "server-clock",
        "the time that counts is the server's: here each machine has its own",
        (Edit("syncd/state/clock.py", "self._anchor = moment, asked + took / 2", "pass"),),
        ("tests/state/test_clock.py",),
    ),
    Mutant(
        "late-write",
        "a write that its successor settled as not applied and that was made is told of",
        (Edit("syncd/service/push.py", "            tell_late(self._side, yes)\n", ""),),
        ("tests/engine/test_late_writes.py",),
    ),
    Mutant(
        "health-run",
        "the moment at which nothing waited is moved by passes after which nothing waits: here by each",
        (Edit("syncd/service/runs.py", "if not waits(session, side.id):", "if True:"),),
        ("tests/engine/test_freshness.py",),
    ),
    Mutant(
        "health-doubt",
        "a write in doubt is one that waits",
        (
            Edit(
                "syncd/service/freshness.py",
                "for query in (pending, under_way))",
                "for query in (pending,))",
            ),
        ),
        ("tests/engine/test_freshness.py",),
    ),
    Mutant(
        "daemon-lost-job",
        "a side whose passes are not begun any more ends the daemon",
        (
            Edit(
                "syncd/service/daemon.py",
                "(not worker.busy and now - max(self._begun[name], self._progress[name]) > late[name])",
                "late[name] < 0",
            ),
        ),
        ("tests/engine/test_daemon_jobs.py", "-k", "begin_any_more"),
    ),
    Mutant(
        "notify-hangs",
        "a service manager that hangs is waited for only so long",
        (Edit("syncd/service/notify.py", "        sender.settimeout(_PATIENCE_S)\n", ""),),
        ("tests/engine/test_daemon_jobs.py", "-k", "hangs_holds_up"),
    ),
    Mutant(
        "web-host",
        "requests for hosts that are not ours are refused",
        (Edit("syncd/service/web.py", "if not is_ours(environ", "if False and not is_ours(environ"),),
        ("tests/unit/test_web.py", "-k", "turned_to_this_machine"),
    ),
    Mutant(
        "metrics-twice",
        "an operation that ended is counted once",
        (Edit("syncd/service/metrics.py", "        self.mark = top\n", "        self.mark = self.mark or top\n"),),
        ("tests/engine/test_metrics.py",),
    ),
    Mutant(
        "told-before",
        "what was told of is noted after the message was taken: here before",
        (
            Edit(
                "syncd/service/telling.py",
                "        if rows:\n            self._send(self._message(rows))\n",
                "        if rows:\n            self._note_early(newest)\n            self._send(self._message(rows))\n",
            ),
            Edit(
                "syncd/service/telling.py",
                "    def _is_recent(",
                "    def _note_early(self, newest: int) -> None:\n        with self._db.write() as session:\n"
                "            session.merge(Notice(way=self._way, told_through=newest))\n\n    def _is_recent(",
            ),
        ),
        ("tests/engine/test_telling.py", "-k", "told_later"),
    ),
    Mutant(
        "told-secret",
        "secrets are taken out of messages",
        (Edit("syncd/service/telling.py", '"message": without_secrets(row.message)', '"message": row.message'),),
        ("tests/engine/test_telling.py", "-k", "no_secret"),
    ),
    Mutant(
        "errand-twice",
        "a try that hangs is not begun a second time beside itself",
        (
            Edit(
                "syncd/service/errands.py",
                "        if self._try is not None and self._try.is_alive():\n            return\n",
                "",
            ),
        ),
        ("tests/unit/test_errands.py",),
    ),
)
