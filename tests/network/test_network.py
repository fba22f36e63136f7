"""The tests and the notebooks they run use no network; this machine is let through."""

import socket
import urllib.request

import nbclient
import nbformat
import pytest


@pytest.mark.parametrize("address", ["http://example.org/", "https://192.0.2.1/"])
def test_other_machines_are_refused(address):
    with pytest.raises(RuntimeError, match=r"^tests use no network, and this asks (example\.org|192\.0\.2\.1)$"):
        urllib.request.urlopen(address, timeout=5)


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_a_bare_socket_is_refused(method):
    with socket.socket() as tried, pytest.raises(RuntimeError, match="this asks 192.0.2.1"):
        getattr(tried, method)(("192.0.2.1", 80))


def test_this_machine_is_reached():
    with socket.create_server(("localhost", 0)) as server, socket.socket() as connection:
        connection.connect(("localhost", server.getsockname()[1]))
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b"here")
            assert connection.recv(4) == b"here"


def test_a_notebook_is_refused():
    cell = nbformat.v4.new_code_cell("import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=5)")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=60, allow_errors=True).execute()
    (output,) = notebook.cells[0].outputs
    assert (output.ename, output.evalue) == ("NetworkUsed", "tests use no network, and this asks 192.0.2.1")
