"""A Debian under systemd in a folder: debootstrap builds it, systemd-nspawn boots it, nsenter types in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

_PACKAGES = "systemd,systemd-sysv,dbus,iproute2,ca-certificates,procps,less,adduser,curl"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BOOT_S = 60


def missing() -> str:
    """What is needed and not there; empty if nothing is."""
    if os.geteuid() != 0:
        return "this needs root: it builds and boots a machine of its own"
    lacks = [tool for tool in ("debootstrap", "systemd-nspawn", "nsenter") if shutil.which(tool) is None]
    return f"{', '.join(lacks)} missing: apt-get install debootstrap systemd-container util-linux" if lacks else ""


class Machine:
    """One machine, with the network of this one."""

    def __init__(self, root: Path, release: str) -> None:
        self.root = root
        self._release = release
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._init = ""

    def build(self) -> None:
        """Make a fresh Debian; certificates that this machine was given besides its own go along."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", self._release, str(self.root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        given = Path("/usr/local/share/ca-certificates")
        shutil.copytree(given, self.root / given.relative_to("/"), dirs_exist_ok=True)
        (self.root / "etc/apt/apt.conf.d/50yes").write_text('APT::Get::Assume-Yes "true";\n')  # nobody is asked
        (self.root / "etc/pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")

    def boot(self) -> None:
        """Start it and wait until systemd has nothing left to start."""
        command = ["systemd-nspawn", f"--directory={self.root}", "--machine=syncd-installed", "--register=no", "--boot"]
        command += ["--console=pipe", "--resolv-conf=copy-host"]
        if not Path("/run/systemd/system").exists():
            command.append("--keep-unit")  # there is nobody who would give it a unit: it stays in our own group
        with (self.root.parent / "console.log").open("ab") as console:
            self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        until = time.monotonic() + _BOOT_S
        while time.monotonic() < until and self._nspawn.poll() is None:
            children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
            # Before the init there may be a helper of nspawn's, which goes again.
            for child in children:
                if os.path.realpath(f"/proc/{child}/exe").endswith("/systemd/systemd"):
                    self._init = child
            if self._init and self._try("systemctl is-system-running --wait").returncode == 0:
                return
            time.sleep(0.2)
        raise RuntimeError(f"it did not boot: {self.root.parent / 'console.log'}")

    def halt(self) -> None:
        """Switch it off."""
        if self._nspawn is None:
            return
        if self._init:
            self._try("poweroff")
        try:
            self._nspawn.wait(_BOOT_S)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn, self._init = None, ""

    def run(self, script: str, *, user: str = "root", code: int = 0) -> str:
        """Type something, as root in root's own folder, or logged in as a user; returns all that is shown.

        Raises:
            AssertionError: It ended with another code.
        """
        done = self._try(script, user)
        assert done.returncode == code, f"{user}: {script}\n{done.stdout}\nended with {done.returncode}, not {code}"
        return done.stdout

    def _try(self, script: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        shell = ["bash", "-ec", f"cd; {script}"] if user == "root" else ["su", "-", user, "-c", script]
        inside = ["nsenter", "-t", self._init, "-m", "-u", "-i", "-p", "-n", "-C", "-r", "-w", "--"]
        command = [*inside, "env", "-i", "HOME=/root", "LANG=C.UTF-8", _PATH, *shell]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
