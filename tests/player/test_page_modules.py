"""Modules of the page that need no browser, run by Node: what it remembers, its clocks, and what it
says of a server in trouble."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from hexz.render.assets import scripts_of

NODE = shutil.which("node")

Run = Callable[[str], Any]
"""Runs the body of a function that uses modules of the page, and returns what it returns."""

BEGINNING = """
const errors = [], ticks = [];
let now = 0;
class HTMLElement { classList = { toggle() {} }; }
const later = globalThis.setTimeout;
Object.assign(globalThis, {
  HTMLElement,
  document: { querySelector: () => new HTMLElement() },
  addEventListener() {},
  reportError: ({ message }) => errors.push(message),
  setInterval: (tick) => ticks.push(tick),
  setTimeout: (run, ms) => later(run, ms < 5000 ? 0 : ms),
  fetch: () => Promise.reject(new TypeError("nobody is there")),
});
Object.defineProperty(performance, "now", { value: () => now });
const { Game } = await import("./game.js");
const { Store } = await import("./store.js");
const { analysis, start, store } = await import("./session.js");
const { Computer } = await import("./computer.js");
const { clockOf } = await import("./clock.js");
const { remember, unfinished } = await import("./unfinished.js");
const show = (game) => store.set({ game, shown: game.tip });
const play = () => show(store.state.game.play(store.state.game.position.legalActions()[0]));
const until = (holds) => new Promise((done) => store.follow((state) => holds(state) && done()));
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    if NODE is None:
        pytest.skip("needs Node (Debian: apt-get install nodejs)")
    directory = tmp_path_factory.mktemp("page")
    for name, text in (scripts_of("hexz.render") | scripts_of("hexz.player.page")).items():
        (directory / name).write_text(text, encoding="utf-8")
    (directory / "package.json").write_text('{"type": "module"}')

    def in_node(body: str) -> Any:
        script = directory / "script.js"
        script.write_text(
            f"{BEGINNING}const result = await (async () => {{{body}}})();\n"
            "console.log(JSON.stringify(result));\nprocess.exit();",
            encoding="utf-8",
        )
        done = subprocess.run(
            [NODE, script], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return in_node


def test_a_follower_that_fails_keeps_no_other_from_being_told(run: Run) -> None:
    said = run("""
      const store = new Store({ number: 0 }), seen = [];
      store.follow(() => { throw new Error("too often"); });
      store.follow(({ number }) => seen.push(number));
      store.set({ number: 1 });
      store.set({ number: 2 });
      return { seen, errors };
    """)
    assert said == {"seen": [1, 2], "errors": ["too often", "too often"]}


def test_games_begun_by_mistake_push_no_other_out(run: Run) -> None:
    said = run("""
      remember("", "seed=1&moves=Fd5-Fe8-c5-Ff4");
      for (let seed = 2; seed < 9; seed++) remember(`seed=${seed}`, `seed=${seed}&moves=Fd5-Fe8`);
      const kept = unfinished();
      remember(kept[0], null);
      return { first: kept[0], count: kept.length, last: kept.at(-1), then: unfinished() };
    """)
    assert said["first"] == "seed=1&moves=Fd5-Fe8-c5-Ff4"
    assert said["count"] == len(said["then"]) + 1 == 3
    assert said["first"] not in said["then"]


def test_a_step_back_and_on_again_adds_nothing_to_a_clock(run: Run) -> None:
    said = run("""
      start(Game.fromSeed("17", ["person", "person"]), clockOf("60+1"));
      play();
      play();
      const left = [store.state.clock.left];
      for (let i = 0; i < 5; i++) {
        show(store.state.game.undo());
        show(store.state.game.later);
      }
      left.push(store.state.clock.left);
      play();
      return [...left, store.state.clock.left];
    """)
    assert said == [[60_000, 61_000], [60_000, 61_000], [61_000, 61_000]]


def test_a_game_that_was_lost_on_time_goes_on_without_a_clock(run: Run) -> None:
    said = run("""
      start(Game.fromSeed("17", ["person", "person"]), clockOf("60+1"));
      play();
      now += 70_000;
      ticks.forEach((tick) => tick());
      const { late } = store.state.game;
      show(store.state.game.undo());
      ticks.forEach((tick) => tick());
      return { late, clock: store.state.clock, isOver: store.state.game.isOver };
    """)
    assert said == {"late": True, "clock": None, "isOver": False}


def test_the_clock_of_a_computer_stands_while_its_server_does_not_answer(run: Run) -> None:
    said = run("""
      new Computer(store, analysis);
      store.set({ offers: [{ spec: "uct:20", name: "Beginner" }] });
      start(Game.fromSeed("17", ["person", "uct:20"]), clockOf("60+1"));
      const isTold = until(({ trouble }) => trouble !== null);
      play();
      now += 5_000;
      await isTold;
      const { left } = store.state.clock;
      now += 70_000;
      ticks.forEach((tick) => tick());
      return { left, isOver: store.state.game.isOver };
    """)
    assert said == {"left": [60_000, 55_000], "isOver": False}


def test_the_analysis_says_that_no_server_answers_until_one_does(run: Run) -> None:
    said = run("""
      const reply = { move: 1, value: 0, simulations: 100, visits: { 1: 100 }, q: {}, pv: [] };
      const answers = [() => Promise.reject(new TypeError("nobody is there")),
        () => new Response("", { status: 503 }), () => new Response(JSON.stringify(reply))];
      globalThis.fetch = async () => (answers.length > 1 ? answers.shift() : answers[0])();
      const texts = [];
      store.follow(({ problem }, before) => {
        if (problem !== before.problem) texts.push(problem?.text ?? null);
      });
      store.set({ offers: [{ spec: "uct:20", name: "Beginner" }] });
      start(Game.fromSeed("17", ["person", "person"]));
      const isKnown = until(({ news, problem }) => news && !problem);
      store.set({ analysing: true });
      await isKnown;
      return texts;
    """)
    asking = "Asking again \u2026"
    assert said == [f"The server does not answer. {asking}", f"The server is busy. {asking}", None]
