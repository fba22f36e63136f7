"""The tests and the notebooks they run use no network; this machine is let through."""

import http.server
import socket
import threading
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
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with socket.create_connection(server.server_address, timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert connection.recv(4)


def test_a_notebook_is_refused():
    cell = nbformat.v4.new_code_cell("import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=5)")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=60, allow_errors=True).execute()
    (output,) = notebook.cells[0].outputs
    assert (output.ename, output.evalue) == ("NetworkUsed", "tests use no network, and this asks 192.0.2.1")
