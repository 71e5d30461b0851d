"""No file of the machine can be read through the page, by whatever name it is asked for."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.pages_served import ASKED, Served
from app.rude_clients import JSON, join, send
from vitonnx.demo import demo_models

pytestmark = pytest.mark.usefixtures("unharmed")

META = {"_type": "gradio.FileData"}
SECRET = b"root:"  # in /etc/passwd


@pytest.fixture(scope="module")
def visitor(served: Served) -> Iterator[Visitor]:
    with Visitor(served.address) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def uploaded(visitor: Visitor, picture: Path) -> dict[str, Any]:
    return visitor.upload(picture, "bird.jpg")


@pytest.fixture(scope="module")
def folder(uploaded: dict[str, Any]) -> Path:
    """Where the page keeps what visitors send."""
    return Path(uploaded["path"]).parents[1]


OUTSIDE = [
    "/etc/passwd",
    "//etc/passwd",
    "../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e/%252e%252e/etc/passwd",
    "FOLDER/../../etc/passwd",
    "FOLDER/%2e%2e/%2e%2e/etc/passwd",
    "FOLDER/..%5c..%5cetc%5cpasswd",
    "FOLDER%00/../../etc/passwd",
    "FOLDER",
    "FOLDER/",
    "FOLDER/examples",
    "file:///etc/passwd",
    "/proc/self/environ",
    "/proc/self/cwd/stderr.txt",
    "/dev/zero",
    "stderr.txt",
    "http://127.0.0.1:9/",
    "HTTP://127.0.0.1:9/",
    "%68ttp://127.0.0.1:9/",
    "https://127.0.0.1:9/",
    "ftp://127.0.0.1:9/",
    "~/.ssh/id_rsa",
    "C:/Windows/win.ini",
    "%5c%5cserver%5cshare",
    "a" * 5000,
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("way", ["/gradio_api/file=", "/gradio_api/file/", "/file="])
def test_by_its_address(way: str, name: str, served: Served, folder: Path) -> None:
    answer = send(served.address, way + name.replace("FOLDER", str(folder)))
    assert 400 <= answer.status < 500
    assert SECRET not in answer.body
    assert answer.sentence


def test_the_models_and_the_log_stay_here(served: Served) -> None:
    for file in (*demo_models().values(), served.log, Path(__file__)):
        assert send(served.address, f"/gradio_api/file={file}").status == 403


def test_a_link_in_its_own_folder_leads_nowhere(served: Served, folder: Path) -> None:
    link = folder / "link.txt"
    link.symlink_to("/etc/passwd")
    try:
        answer = send(served.address, f"/gradio_api/file={link}")
        assert answer.status == 403
        assert SECRET not in answer.body
    finally:
        link.unlink()


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=http://127.0.0.1:9/",
        "/proxy=http://127.0.0.1:9/",
        "/gradio_api/component_server",
        "/gradio_api/custom_component/x/client/component/../../../../etc/passwd",
        "/gradio_api/vibe-code",
        "/gradio_api/vibe-edit/",
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/monitoring",
        "/gradio_api/deep_link?session_hash=x",
        "/gradio_api/process_recording",
        "/gradio_api/stream/x/1/2/playlist.m3u8",
        "/gradio_api/mcp/sse",
        "/gradio_api/queue/status",
        "/gradio_api/cancel",
        "/gradio_api/startup-events",
        "/gradio_api/api/look",
        "/gradio_api/call/look",
        "/gradio_api/dev/reload",
        "/openapi.json",
        "/docs",
        "/pwa_icon",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_what_the_page_does_not_use_is_not_there(method: str, path: str, served: Served) -> None:
    answer = send(served.address, path, b"{}", method=method, headers=JSON)
    assert answer.status == 404
    assert "nothing at this address" in answer.sentence


@pytest.mark.parametrize("place", ["static", "assets", "svelte"])
@pytest.mark.parametrize(
    "way",
    ["../../../../../../etc/passwd", "%2e%2e/%2e%2e/routes.py", "/etc/passwd", "..%2froutes.py"],
)
def test_the_pages_own_files_are_no_way_out(place: str, way: str, served: Served) -> None:
    answer = send(served.address, f"/{place}/{way}")
    assert answer.status in (403, 404)
    assert SECRET not in answer.body
    assert b"import" not in answer.body


FILES: dict[str, dict[str, Any]] = {
    "a path": {"path": "/etc/passwd", "orig_name": "a.png", "meta": META},
    "a path and no more": {"path": "/etc/passwd"},
    "a path and a name": {"path": "/etc/passwd", "orig_name": "a.png"},
    "a way out": {"path": "FOLDER/../../etc/passwd", "meta": META},
    "a NUL": {"path": "FOLDER/x\0", "meta": META},
    "nothing": {"path": "", "meta": META},
    "the working folder": {"path": ".", "meta": META},
    "an address": {"path": "http://127.0.0.1:9/a.png", "meta": META},
    "a public address": {"path": "https://example.com/a.png", "meta": META},
    "an address in capitals": {"path": "HTTPS://example.com/a.png", "meta": META},
    "a file's address": {"path": "file:///etc/passwd", "meta": META},
    "data": {"path": "data:image/png;base64,AAAA", "meta": META},
    "a number": {"path": 3, "meta": META},
    "a stream": {"path": "/etc/passwd", "is_stream": True, "meta": META},
    "the folder": {"path": "FOLDER", "meta": META},
    "what is not there": {"path": "FOLDER/nothing.png", "meta": META},
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("handler", ["receive", "video"])
def test_by_a_value_that_names_it(handler: str, kind: str, visitor: Visitor, folder: Path) -> None:
    named = json.loads(json.dumps(FILES[kind]).replace("FOLDER", str(folder)))
    more = [] if handler == "receive" else ["heads", "overlay"]
    before = sorted(folder.iterdir())
    with pytest.raises(RefusedError) as refused:
        visitor.call(handler, named, *more, *ASKED)
    assert "root:" not in str(refused.value)
    assert str(folder) not in str(refused.value)
    assert "Traceback" not in str(refused.value)
    assert sorted(path for path in folder.iterdir() if "made-" not in path.name) == [
        path for path in before if "made-" not in path.name
    ], "nothing was fetched"


def test_by_another_components_value(visitor: Visitor) -> None:
    """Gradio looks for files in every value, however deep, and of every component."""
    named = {"path": "https://example.com/a.png", "meta": META}
    for values in ([[named], *ASKED[1:]], [ASKED[0], {"deep": [{"er": named}]}, *ASKED[2:]]):
        with pytest.raises(RefusedError, match="not uploaded to this page") as refused:
            visitor.call("look", *values)
        assert refused.value.status == 400


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1:9/", "data:,x"])
def test_an_address_beside_no_path_is_no_file(url: str, visitor: Visitor) -> None:
    _, shown, _, _ = visitor.call("receive", {"path": None, "url": url, "meta": META}, *ASKED)
    assert shown is None


def test_nothing_of_the_machine_is_told(served: Served, folder: Path) -> None:
    """The page itself, and what Gradio's clients ask, name no folder but its own."""
    told = b"".join(
        send(served.address, path).body for path in ("/", "/config", "/gradio_api/info")
    ).decode()
    told = urllib.parse.unquote(told).replace(str(folder), "")
    assert not re.findall(r"/(?:home|root|tmp|usr|work|Users|opt)/[\w./-]+", told)
    assert ".onnx" not in told


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<script>alert(1)</script>"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("page.xhtml", b"<html xmlns='http://www.w3.org/1999/xhtml'/>"),
        ("bird.png", b"<script>alert(1)</script>"),
    ],
)
def test_what_a_visitor_sends_never_runs_in_a_browser(
    name: str, content: bytes, visitor: Visitor
) -> None:
    place = visitor.upload(content, name)["path"]
    reply = visitor.http.get(f"/gradio_api/file={place}")
    kind = reply.headers["content-type"]
    inline = "attachment" not in reply.headers.get("content-disposition", "")
    assert not (inline and re.match(r"text/html|image/svg|application/xhtml|text/xml", kind))


@pytest.mark.parametrize(
    "name",
    [
        "../../../x.png",
        "..\\..\\x.png",
        "/etc/cron.d/x.png",
        "x\0.png",
        "%2e%2e%2fx.png",
        "a" * 999,
    ],
)
def test_an_uploads_name_leads_nowhere(
    name: str, served: Served, folder: Path, picture: Path
) -> None:
    from app.rude_clients import multipart

    body, headers = multipart(picture.read_bytes(), name)
    answer = send(served.address, "/gradio_api/upload", body, method="POST", headers=headers)
    assert answer.status in (200, 400)
    if answer.status == 200:
        (place,) = json.loads(answer.body)
        assert Path(place).resolve().is_relative_to(folder.resolve())
        assert Path(place).is_file()


def test_a_strangers_answer_is_nobody_elses(
    served: Served, visitor: Visitor, uploaded: dict[str, Any]
) -> None:
    """Another visitor of the same page, who does not know the first one's name, sees nothing."""
    visitor.call("receive", uploaded, *ASKED)
    with Visitor(served.address) as other:
        with pytest.raises(RefusedError, match="no picture"):
            other.call("look", *ASKED)
        with pytest.raises(RefusedError, match="no picture"):
            other.call("save", "heads", *ASKED)
    for name in ("", " ", "*", "null", "None", "0", "%"):
        question = {
            "data": [None, *ASKED[:2], None, *ASKED[2:]],
            "fn_index": visitor.places["look"]["id"],
            "session_hash": name,
        }
        answer = join(served.address, question)
        assert b"bird.jpg" not in answer.body
