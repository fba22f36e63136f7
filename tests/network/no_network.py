"""Refuse other machines: to the process that runs the tests, and to the kernels of the notebooks it runs."""

import os
import socket
import tempfile
from pathlib import Path

LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None}
STARTUP = """\
import sys
sys.path.insert(0, {folder!r})
import no_network
sys.path.remove({folder!r})
no_network.refuse_other_machines()
del sys, no_network
"""


class NetworkUsed(RuntimeError):
    """A test, or what it tests, has asked another machine for something."""


def refuse_other_machines(replace=setattr) -> None:
    """Let this process look up and connect to this machine only; ``replace`` sets attributes."""

    def guarded(method):
        def checked(self, address):
            # A datagram socket is connected without a packet: that is how programs learn their own address.
            if self.family in (socket.AF_INET, socket.AF_INET6) and self.type != socket.SOCK_DGRAM:
                refuse(address[0])
            return method(self, address)

        return checked

    def refuse(host):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in LOOPBACK and name != socket.gethostname():
            raise NetworkUsed(f"tests use no network, and this asks {name}")

    look_up = socket.getaddrinfo

    def checked_look_up(host, *arguments, **keywords):
        refuse(host)
        return look_up(host, *arguments, **keywords)

    replace(socket.socket, "connect", guarded(socket.socket.connect))
    replace(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    replace(socket, "getaddrinfo", checked_look_up)


def refuse_them_to_kernels() -> tempfile.TemporaryDirectory:
    """Let the kernels that are started from here on do the same first; the folder is theirs until the end."""
    folder = tempfile.TemporaryDirectory(prefix="ipython", ignore_cleanup_errors=True)
    startup = Path(folder.name, "profile_default", "startup")
    startup.mkdir(parents=True)
    (startup / "00-no-network.py").write_text(STARTUP.format(folder=str(Path(__file__).parent)), encoding="utf-8")
    os.environ["IPYTHONDIR"] = folder.name
    return folder
