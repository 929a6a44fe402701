"""Where trained weights are found, and how they are downloaded, from a server of our own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision import models

from smkd_cli import networks
from smkd_cli.errors import DataError, UsageError
from smkd_cli.networks.trained import locate

NETWORK = "timm:mobilenetv3_small_050"
LOCATE = "import sys; from pathlib import Path; from smkd_cli.networks.trained import locate; "
LOCATE += f"print(locate({NETWORK!r}, 'pretrained', Path('data')))"


class Server(ThreadingHTTPServer):
    """Serves one file under any address, and counts what was asked for."""

    content = b""
    wants: list[str]

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, body: bool) -> None:
            server: Server = self.server  # type: ignore[assignment]
            server.wants.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.send_header("Content-Length", str(len(server.content)))
            self.send_header("ETag", f'"{hashlib.sha256(server.content).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.end_headers()
            if body:
                self.wfile.write(server.content)

        def do_GET(self) -> None:
            self._answer(True)

        def do_HEAD(self) -> None:
            self._answer(False)

        def log_message(self, *_: object) -> None:
            pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Server.Handler)
    made.wants = []
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def test_a_path_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(DataError, match="no such file of weights"):
        locate(NETWORK, str(path), tmp_path)
    path.touch()
    assert locate(NETWORK, str(path), tmp_path) == path


def test_the_data_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "pretrained").mkdir()
    for name in ("mobilenetv3_small_050", "small_resnet"):
        (tmp_path / "pretrained" / f"{name}.safetensors").touch()
    assert locate(NETWORK, "pretrained", tmp_path).name == "mobilenetv3_small_050.safetensors"
    assert locate("small_resnet", "pretrained", tmp_path).name == "small_resnet.safetensors"
    with pytest.raises(UsageError, match="no trained weights of resnet18 are known"):
        locate("resnet18", "pretrained", tmp_path)


def test_timm_s_weights_are_downloaded_once(tmp_path: Path, server: Server) -> None:
    state = networks.build(NETWORK, 1000).state_dict()
    save_file(state, tmp_path / "served.safetensors")
    server.content = (tmp_path / "served.safetensors").read_bytes()
    environment = os.environ | {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "no_proxy": "*",
    }
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", LOCATE], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        found.append(Path(done.stdout.strip()))
    assert load_file(found[0])["conv_stem.weight"].equal(state["conv_stem.weight"])
    assert sum(want.startswith("GET") and "model.safetensors" in want for want in server.wants) == 1
    assert any("timm/mobilenetv3_small_050" in want for want in server.wants)


def test_torchvision_s_weights_become_safetensors(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = networks.build("torchvision:resnet18", 1000).state_dict()
    torch.save(state, tmp_path / "served.pth")
    server.content = (tmp_path / "served.pth").read_bytes()
    name = f"resnet18-{hashlib.sha256(server.content).hexdigest()[:8]}.pth"
    weights = models.ResNet18_Weights.DEFAULT.value
    monkeypatch.setattr(weights, "url", f"http://127.0.0.1:{server.server_port}/{name}")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path / "cache"))
    path = locate("torchvision:resnet18", "pretrained", tmp_path)
    assert path.parent == tmp_path / "cache" / "weights"
    assert load_file(path)["fc.weight"].equal(state["fc.weight"])
    asked = len(server.wants)
    assert locate("torchvision:resnet18", "pretrained", tmp_path) == path
    assert len(server.wants) == asked


def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.ResNet18_Weights.DEFAULT.value, "url", "http://127.0.0.1:9/resnet18-00000000.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"cannot be downloaded \(.*\): try again, or put a safetensors file"):
        locate("torchvision:resnet18", "pretrained", tmp_path)
