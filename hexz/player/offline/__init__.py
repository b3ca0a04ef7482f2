"""The page to play on as one file, with a network inside: it needs no server, and works offline."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hexz.errors import InvalidModel
from hexz.model.checkpoint import Checkpoint
from hexz.model.config import MARGIN_SCALE, RING_SCALE, ModelConfig
from hexz.model.features import global_map, spatial_matrix
from hexz.model.script import ScriptNet
from hexz.model.weights import Weights
from hexz.player.levels import LEVELS
from hexz.player.page import main_script, own_text, page_html, rules_html
from hexz.player.spec import parse_spec
from hexz.render.assets import asset, bare_script, head, scripts_of, style, whole_script
from hexz.render.policy import with_policy

MAX_BYTES: Final = 1_500_000
"""Of a page, which is to be mailed and to load at once."""

_ANALYST: Final = "model@100"
_MOST_SIMULATIONS: Final = 64
"""Levels that search more take too long in a browser."""

_BESIDE: Final = ("script-src blob:", "worker-src blob:", "img-src blob:")
"""What the page does beside running its own code: it starts that as a worker, and makes pictures to
save."""

_LAYERS: Final = {
    "stem_bias": "stem_bias",
    "policy_head.local": "policy.local",
    "policy_head.pooled": "policy.pooled",
    "policy_head.out": "policy.out",
    "value_head.hidden": "value.hidden",
    "value_head.out": "value.out",
    "outlook_heads.ownership": "ownership",
    "outlook_heads.margin": "margin",
}
"""The layers of the heads, and their names in network.js."""


def offline_page(checkpoint: Checkpoint, *, is_shipped: bool = False) -> str:
    """The HTML of the page, complete in itself.

    Args:
        checkpoint: of the network.
        is_shipped: whether that is the one that ships with hexz, whose levels are rated.

    Raises:
        InvalidModel: the network is of an older kind, or too large for one file.
    """
    config, network = checkpoint.config, checkpoint.weights
    if config is None or isinstance(network, ScriptNet):
        raise InvalidModel("only networks that hexzctl trains can be put into a page")
    tensors = dict(_tensors(network, config))
    header = {
        "blocks": config.blocks,
        "filters": config.filters,
        "kernel": config.kernel,
        "ringScale": RING_SCALE,
        "marginScale": MARGIN_SCALE,
        "maps": dict(_maps()),
        "tensors": [[name, list(tensor.shape)] for name, tensor in tensors.items()],
    }
    weights = np.concatenate([tensor.ravel() for tensor in tensors.values()])
    if np.abs(weights).max() > np.finfo(np.float16).max:
        raise InvalidModel("the network has weights that are too large for a page")
    halves = weights.astype("<f2").tobytes()
    page = _page({"header": header, "offers": _offers(is_shipped)}, halves)
    if len(page.encode()) > MAX_BYTES:
        raise InvalidModel(
            f"a network of {config.blocks} blocks of {config.filters} filters is too large "
            f"for a page: it would have {len(page.encode()) / 1e6:.1f} MB, and may have "
            f"{MAX_BYTES / 1e6:g}"
        )
    return page


def _page(network: object, weights: bytes) -> str:
    own = scripts_of(__name__)
    main = main_script(own)
    worker = whole_script(own["worker.js"], own)
    sheets = style(asset("board.css"), asset("page.css"), own_text("play.css"))
    theme = f"<script>{bare_script(own_text('theme.js'))}</script>"
    data = {"network": ("application/json", json.dumps(network)), "worker": ("text/plain", worker)}
    data["weights"] = ("text/plain", base64.b64encode(weights).decode())
    held = [
        f'<script type="{kind}" id="{name}">{text}</script>' for name, (kind, text) in data.items()
    ]
    body = "\n".join([*held, f'<script type="module">\n{main}\n</script>'])
    rules = re.search(r"<main.*</main>", rules_html(""), re.DOTALL)
    assert rules is not None  # noqa: S101 - it is ours
    dialog = (
        '<dialog id="rules" aria-label="Rules"><form method="dialog"><div class="row end">'
        '<button class="primary">Close</button></div></form>'
        f"{rules[0].replace('<main', '<div').replace('</main>', '</div>')}</dialog>\n"
    )
    html = page_html(head("Flagz", f"{sheets}\n{theme}"), rules="#rules", script=body)
    return with_policy(html.replace("<noscript>", f"{dialog}<noscript>", 1), *_BESIDE)


def _offers(are_rated: bool) -> list[dict[str, object]]:
    """Who can be played against: the levels that a browser can play."""
    offers: list[dict[str, object]] = [
        {"spec": _ANALYST, "name": f"Network, {_ANALYST.partition('@')[2]}", "elo": None}
    ]
    for number, level in enumerate(LEVELS, start=1):
        spec = parse_spec(level.spec)
        if spec.budget is None or (spec.budget.simulations or 0) <= _MOST_SIMULATIONS:
            name, elo = level.name.capitalize(), level.elo if are_rated else None
            offers.append({"spec": str(spec), "name": name, "level": number, "elo": elo})
    return offers


def _maps() -> Iterator[tuple[str, list[float]]]:
    """The fixed maps of the input. They sum over the board, so half precision would not do."""
    for name, (weight, bias) in (("spatial", spatial_matrix()), ("global", global_map())):
        yield f"{name}.weight", weight.ravel().tolist()
        yield f"{name}.bias", bias.tolist()


def _tensors(network: Weights, config: ModelConfig) -> Iterator[tuple[str, NDArray[Any]]]:
    """All that was learnt by the names that network.js knows, batch norms folded into
    convolutions."""
    convolutions = {"stem": "stem"}
    for number in range(config.blocks):
        for name in ("conv1", "conv2"):
            convolutions[f"{number}.{name}"] = f"blocks.{number}.{name}"
    for name, key in convolutions.items():
        weight, bias = network.folded(f"{key}.0", f"{key}.1")
        yield f"{name}.weight", weight
        yield f"{name}.bias", bias
    for key, name in _LAYERS.items():
        for part in ("weight", "bias"):
            if f"{key}.{part}" in network.tensors:
                yield f"{name}.{part}", network[f"{key}.{part}"]
