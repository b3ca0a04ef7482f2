"""What the status page shows, run by Node with as much of a document as it needs."""

import json
import shutil
import subprocess
from importlib import resources

import pytest

from hexz.render.assets import whole_script

NODE = shutil.which("node")

DOCUMENT = """
class Node {
  constructor() { this.children = []; this.style = {}; this.dataset = {}; }
  append(...nodes) { this.children.push(...nodes); }
  replaceChildren(...nodes) { this.children = nodes; }
  setAttribute() {}
  get text() { return (this.textContent ?? "") + this.children.map((c) => c.text ?? c).join(" "); }
}
const parts = {};
globalThis.document = {
  createElement: () => new Node(), createElementNS: () => new Node(),
  querySelector: (selector) => parts[selector] ??= new Node(),
};
globalThis.location = { origin: "" };
globalThis.fetch = () => new Promise(() => {});
globalThis.setTimeout = () => {};
globalThis.HTMLElement = globalThis.HTMLProgressElement = globalThis.Element = Node;
"""


@pytest.mark.skipif(NODE is None, reason="needs Node (Debian: apt-get install nodejs)")
def test_every_loss_is_shown(tmp_path):
    """Also those that the page has never heard of."""
    script = resources.files("hexz.trainserver").joinpath("status.js").read_text("utf-8")
    losses = {"total": 3.5, "policy": 2.25, "reply": 1.125, "a new one": 0.5}
    checkpoints = [
        {"number": n, "examples": 1000 * n, "losses": losses if n else {}, "held_out_losses": {}}
        for n in (0, 1, 2)
    ]
    (tmp_path / "page.mjs").write_text(
        f"{DOCUMENT}{whole_script(script)}\nshowCharts({json.dumps(checkpoints)});\n"
        "console.log(parts['#charts'].text);"
    )
    result = subprocess.run(
        [NODE, tmp_path / "page.mjs"], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    for name, loss in losses.items():
        assert name in result.stdout
        assert f"training {loss:.3f}" in result.stdout
