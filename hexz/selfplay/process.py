"""One process of self-play: plays, sends what it finished to its parent, and does what it says.

The main thread plays. Another one takes the parent's messages, and loads a new network beside the
running search.
"""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final

import numpy as np

from hexz.engine import FinishedGame
from hexz.errors import reason_of
from hexz.inference import Evaluator
from hexz.processes import Parent, ToldToEnd
from hexz.record import GameRecord, top_moves
from hexz.schema.fleet import GameUnderWay
from hexz.selfplay.examples import examples_of
from hexz.selfplay.loop import SelfPlay
from hexz.selfplay.messages import (
    Assignment,
    GameOver,
    NewModel,
    NewSettings,
    Notice,
    Playing,
    ProcessEvent,
    Progress,
)
from hexz.wire.example import encode_example
from hexz.wire.game import encode_compact

PROGRESS_SECONDS: Final = 0.5
"""How often a process reports its counters."""


def run_process(parent: Parent, number: int, assignment: Assignment) -> None:
    """Plays this process's share of the games, number `number` of every `num_processes`.

    The parent's first message is the network to begin with. Ends when the games are over, or when
    the parent says so. The parent gets Playing, Notice, Progress and GameOver.
    """
    _Process(parent, number, assignment).run()


@dataclass(frozen=True)
class _NewEvaluator:
    evaluator: Evaluator
    checkpoint: int


class _Process:
    def __init__(self, parent: Parent, number: int, assignment: Assignment) -> None:
        self.number = number
        self._parent = parent
        self._assignment = assignment
        self._stopping = False
        self._compact = assignment.settings.compact
        # For the main thread to take between two rounds.
        self._changes: SimpleQueue[NewSettings | _NewEvaluator | Notice] = SimpleQueue()

    def send(self, event: ProcessEvent) -> None:
        """Sends from the main thread; waits while the parent does not receive."""
        self._parent.send(event)

    def run(self) -> None:
        assignment = self._assignment
        model: NewModel = self._parent.receive()
        play = SelfPlay(
            model.prepared.load(),
            assignment.settings.search,
            games_per_process=assignment.settings.games_per_process,
            seed=assignment.seed,
            checkpoint=model.checkpoint,
            first_game=self.number,
            game_stride=assignment.num_processes,
            max_games=self._share(assignment.max_games),
        )
        # What is there now stays. Python would look through all of it, with the search waiting,
        # each time that a new network made enough objects.
        gc.collect()
        gc.freeze()
        threading.Thread(target=self._listen, daemon=True).start()
        self._say_playing(play)
        next_report = time.monotonic()
        for finished in play.rounds():
            for game in finished:
                self.send(self._game_over(game))
            if time.monotonic() >= next_report:
                self.send(self._progress(play))
                next_report = time.monotonic() + PROGRESS_SECONDS
            if self._stopping:
                break
            self._take_changes(play)
        self.send(self._progress(play))

    def _take_changes(self, play: SelfPlay) -> None:
        """Between two rounds, what has changed since the last one."""
        while not self._changes.empty():
            match self._changes.get():
                case NewSettings(search, games_per_process, compact):
                    play.change(search, games_per_process)
                    self._compact = compact
                case _NewEvaluator(evaluator, checkpoint):
                    play.use(evaluator, checkpoint)
                    self._say_playing(play)
                case Notice() as notice:
                    self.send(notice)

    def _listen(self) -> None:
        """Takes the parent's messages always, so that it can send them also while it does not
        receive and the search waits for that."""
        while True:
            try:
                command = self._parent.receive()
            except ToldToEnd:
                self._stopping = True
                return
            match command:
                case NewModel():
                    self._changes.put(self._load(command))
                case NewSettings():
                    self._changes.put(command)

    def _load(self, model: NewModel) -> _NewEvaluator | Notice:
        try:
            return _NewEvaluator(model.prepared.load(), model.checkpoint)
        except Exception as error:
            return Notice(f"cannot play with checkpoint {model.checkpoint}: {reason_of(error)}")

    def _share(self, total: int | None) -> int | None:
        if total is None:
            return None
        count = self._assignment.num_processes
        return total // count + (self.number < total % count)

    def _say_playing(self, play: SelfPlay) -> None:
        self.send(Playing(self.number, play.checkpoint, play.evaluator.name))

    def _progress(self, play: SelfPlay) -> Progress:
        boards, game = list(play.boards()), play.so_far()
        return Progress(
            process=self.number,
            evaluations=play.evaluations,
            batch_rows=play.batch_rows,
            mean_move=float(np.mean([board.move_number for board in boards])) if boards else 0.0,
            game=None if game is None else GameUnderWay(board=game[0].to_text(), moves=game[1]),
        )

    def _game_over(self, game: FinishedGame) -> GameOver:
        model_name = self._assignment.model_name
        name, micros = f"{self._assignment.run_name}-{game.game_id}", time.time_ns() // 1000
        entries: list[tuple[str, bytes]] = []
        compact: bytes | None = None
        if self._compact:
            compact = encode_compact(game, game_id=name, model_name=model_name, unix_micros=micros)
        else:
            examples = examples_of(game, game_name=name, model_name=model_name, unix_micros=micros)
            entries = [(f"{one.example_id}.pb", encode_example(one)) for one in examples]
        return GameOver(
            examples=len(game.actions),
            entries=entries,
            compact=compact,
            score=game.final.score,
            record=GameRecord(
                name=f"Game {game.game_id}",
                players=(f"{model_name} {game.checkpoints[-1]}",) * 2,
                initial_text=game.initial.to_text(),
                actions=game.actions.tolist(),
                root_values=game.root_values.tolist(),
                policies=[top_moves(policy) for policy in game.policies],
            ),
        )
