"""What a server answers to addresses that no browser would ask for: no file of its own, no upload without its token."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

PATHS = (
    "/../app.py", "/static/../../app.py", "/static/..%2f..%2fapp.py", "/app/static/../../app.py", "/media/../app.py",
    "/media/..%2f..%2fetc%2fpasswd", "/component/x/../../../../etc/passwd", "/component/..%2f..%2fetc%2fpasswd",
    "/_stcore/../app.py", "/%2e%2e/%2e%2e/etc/passwd", "/..%5c..%5capp.py", "//etc/passwd", "/runs/", "/uploads/",
    "/.upload-key", "/_stcore/bidi-components/..%2f..%2fapp.py", "/static/....//....//app.py", "/app.py",
    "/.streamlit/config.toml",
)  # fmt: skip


def asked(server, path, method="GET", body=None, **headers):
    """Status and content of an answer; the path is sent as it stands."""
    parts = urlsplit(server)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


@pytest.mark.parametrize("path", PATHS)
def test_no_address_gives_a_file_of_the_server_away(server, path):
    """Streamlit answers what it does not know with its own page, which is the same for everybody."""
    status, content = asked(server, path)
    assert status >= 300 or "<title>Streamlit</title>" in content
    assert not any(word in content for word in ("root:", "shell.run(overview)", "[server]", "def overview"))


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_no_file_is_taken_or_removed_without_the_session_and_its_token(server, method):
    status, _ = asked(server, "/_stcore/upload_file/guessed-session/guessed-file", method, b"x")
    assert status in (400, 403, 404, 405)


def test_another_site_may_not_open_a_websocket(server):
    parts = urlsplit(server)
    lines = (
        "GET /_stcore/stream HTTP/1.1", f"Host: {parts.netloc}", "Origin: http://evil.example", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", "",
    )  # fmt: skip
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as line:
        line.sendall("\r\n".join(lines).encode())
        assert line.recv(100).split()[1] == b"403"


def test_no_other_site_may_read_an_answer(server):
    parts = urlsplit(server)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    connection.request("GET", "/_stcore/host-config", headers={"Origin": "http://evil.example"})
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    assert answer.getheader("Access-Control-Allow-Origin") in (None, parts.netloc)
    assert "http://evil.example" not in content["allowedOrigins"]
