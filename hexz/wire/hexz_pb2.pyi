from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Board(_message.Message):
    __slots__ = ("turn", "move", "last_revealed", "flat_fields", "score", "resources", "state")
    class GameState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        INITIAL: _ClassVar[Board.GameState]
        RUNNING: _ClassVar[Board.GameState]
        FINISHED: _ClassVar[Board.GameState]
    INITIAL: Board.GameState
    RUNNING: Board.GameState
    FINISHED: Board.GameState
    TURN_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    LAST_REVEALED_FIELD_NUMBER: _ClassVar[int]
    FLAT_FIELDS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    turn: int
    move: int
    last_revealed: int
    flat_fields: _containers.RepeatedCompositeFieldContainer[Field]
    score: _containers.RepeatedScalarFieldContainer[int]
    resources: _containers.RepeatedCompositeFieldContainer[ResourceInfo]
    state: Board.GameState
    def __init__(self, turn: _Optional[int] = ..., move: _Optional[int] = ..., last_revealed: _Optional[int] = ..., flat_fields: _Optional[_Iterable[_Union[Field, _Mapping]]] = ..., score: _Optional[_Iterable[int]] = ..., resources: _Optional[_Iterable[_Union[ResourceInfo, _Mapping]]] = ..., state: _Optional[_Union[Board.GameState, str]] = ...) -> None: ...

class Field(_message.Message):
    __slots__ = ("type", "owner", "hidden", "value", "blocked", "lifetime", "next_val")
    class CellType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NORMAL: _ClassVar[Field.CellType]
        DEAD: _ClassVar[Field.CellType]
        GRASS: _ClassVar[Field.CellType]
        ROCK: _ClassVar[Field.CellType]
        FIRE: _ClassVar[Field.CellType]
        FLAG: _ClassVar[Field.CellType]
        PEST: _ClassVar[Field.CellType]
        DEATH: _ClassVar[Field.CellType]
    NORMAL: Field.CellType
    DEAD: Field.CellType
    GRASS: Field.CellType
    ROCK: Field.CellType
    FIRE: Field.CellType
    FLAG: Field.CellType
    PEST: Field.CellType
    DEATH: Field.CellType
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_VAL_FIELD_NUMBER: _ClassVar[int]
    type: Field.CellType
    owner: int
    hidden: bool
    value: int
    blocked: int
    lifetime: int
    next_val: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, type: _Optional[_Union[Field.CellType, str]] = ..., owner: _Optional[int] = ..., hidden: bool = ..., value: _Optional[int] = ..., blocked: _Optional[int] = ..., lifetime: _Optional[int] = ..., next_val: _Optional[_Iterable[int]] = ...) -> None: ...

class ResourceInfo(_message.Message):
    __slots__ = ("num_pieces",)
    NUM_PIECES_FIELD_NUMBER: _ClassVar[int]
    num_pieces: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, num_pieces: _Optional[_Iterable[int]] = ...) -> None: ...

class GameEngineFlagzState(_message.Message):
    __slots__ = ("board", "free_cells", "normal_moves", "moves")
    BOARD_FIELD_NUMBER: _ClassVar[int]
    FREE_CELLS_FIELD_NUMBER: _ClassVar[int]
    NORMAL_MOVES_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    board: Board
    free_cells: int
    normal_moves: _containers.RepeatedScalarFieldContainer[int]
    moves: _containers.RepeatedCompositeFieldContainer[GameEngineMove]
    def __init__(self, board: _Optional[_Union[Board, _Mapping]] = ..., free_cells: _Optional[int] = ..., normal_moves: _Optional[_Iterable[int]] = ..., moves: _Optional[_Iterable[_Union[GameEngineMove, _Mapping]]] = ...) -> None: ...

class GameEngineClassicState(_message.Message):
    __slots__ = ("board",)
    BOARD_FIELD_NUMBER: _ClassVar[int]
    board: Board
    def __init__(self, board: _Optional[_Union[Board, _Mapping]] = ...) -> None: ...

class GameEngineFreeformState(_message.Message):
    __slots__ = ("board",)
    BOARD_FIELD_NUMBER: _ClassVar[int]
    board: Board
    def __init__(self, board: _Optional[_Union[Board, _Mapping]] = ...) -> None: ...

class GameEngineState(_message.Message):
    __slots__ = ("flagz", "classic", "freeform")
    FLAGZ_FIELD_NUMBER: _ClassVar[int]
    CLASSIC_FIELD_NUMBER: _ClassVar[int]
    FREEFORM_FIELD_NUMBER: _ClassVar[int]
    flagz: GameEngineFlagzState
    classic: GameEngineClassicState
    freeform: GameEngineFreeformState
    def __init__(self, flagz: _Optional[_Union[GameEngineFlagzState, _Mapping]] = ..., classic: _Optional[_Union[GameEngineClassicState, _Mapping]] = ..., freeform: _Optional[_Union[GameEngineFreeformState, _Mapping]] = ...) -> None: ...

class GameEngineMove(_message.Message):
    __slots__ = ("player_num", "move", "row", "col", "cell_type")
    PLAYER_NUM_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    COL_FIELD_NUMBER: _ClassVar[int]
    CELL_TYPE_FIELD_NUMBER: _ClassVar[int]
    player_num: int
    move: int
    row: int
    col: int
    cell_type: Field.CellType
    def __init__(self, player_num: _Optional[int] = ..., move: _Optional[int] = ..., row: _Optional[int] = ..., col: _Optional[int] = ..., cell_type: _Optional[_Union[Field.CellType, str]] = ...) -> None: ...

class SuggestMoveRequest(_message.Message):
    __slots__ = ("max_think_time_ms", "game_engine_state", "max_iterations")
    MAX_THINK_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    GAME_ENGINE_STATE_FIELD_NUMBER: _ClassVar[int]
    MAX_ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    max_think_time_ms: int
    game_engine_state: GameEngineState
    max_iterations: int
    def __init__(self, max_think_time_ms: _Optional[int] = ..., game_engine_state: _Optional[_Union[GameEngineState, _Mapping]] = ..., max_iterations: _Optional[int] = ...) -> None: ...

class SuggestMoveResponse(_message.Message):
    __slots__ = ("move", "move_stats")
    MOVE_FIELD_NUMBER: _ClassVar[int]
    MOVE_STATS_FIELD_NUMBER: _ClassVar[int]
    move: GameEngineMove
    move_stats: SuggestMoveStats
    def __init__(self, move: _Optional[_Union[GameEngineMove, _Mapping]] = ..., move_stats: _Optional[_Union[SuggestMoveStats, _Mapping]] = ...) -> None: ...

class SuggestMoveStats(_message.Message):
    __slots__ = ("moves", "value")
    class ScoreKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FINAL: _ClassVar[SuggestMoveStats.ScoreKind]
        MCTS_PRIOR: _ClassVar[SuggestMoveStats.ScoreKind]
    FINAL: SuggestMoveStats.ScoreKind
    MCTS_PRIOR: SuggestMoveStats.ScoreKind
    class Score(_message.Message):
        __slots__ = ("kind", "score")
        KIND_FIELD_NUMBER: _ClassVar[int]
        SCORE_FIELD_NUMBER: _ClassVar[int]
        kind: SuggestMoveStats.ScoreKind
        score: float
        def __init__(self, kind: _Optional[_Union[SuggestMoveStats.ScoreKind, str]] = ..., score: _Optional[float] = ...) -> None: ...
    class ScoredMove(_message.Message):
        __slots__ = ("row", "col", "type", "scores")
        ROW_FIELD_NUMBER: _ClassVar[int]
        COL_FIELD_NUMBER: _ClassVar[int]
        TYPE_FIELD_NUMBER: _ClassVar[int]
        SCORES_FIELD_NUMBER: _ClassVar[int]
        row: int
        col: int
        type: Field.CellType
        scores: _containers.RepeatedCompositeFieldContainer[SuggestMoveStats.Score]
        def __init__(self, row: _Optional[int] = ..., col: _Optional[int] = ..., type: _Optional[_Union[Field.CellType, str]] = ..., scores: _Optional[_Iterable[_Union[SuggestMoveStats.Score, _Mapping]]] = ...) -> None: ...
    MOVES_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    moves: _containers.RepeatedCompositeFieldContainer[SuggestMoveStats.ScoredMove]
    value: float
    def __init__(self, moves: _Optional[_Iterable[_Union[SuggestMoveStats.ScoredMove, _Mapping]]] = ..., value: _Optional[float] = ...) -> None: ...

class ModelKey(_message.Message):
    __slots__ = ("name", "checkpoint")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    name: str
    checkpoint: int
    def __init__(self, name: _Optional[str] = ..., checkpoint: _Optional[int] = ...) -> None: ...

class ServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ServerInfoResponse(_message.Message):
    __slots__ = ("server_type", "model_key")
    class ServerType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TYPE_UNSPECIFIED: _ClassVar[ServerInfoResponse.ServerType]
        TYPE_MCTS: _ClassVar[ServerInfoResponse.ServerType]
        TYPE_NEURAL_MCTS: _ClassVar[ServerInfoResponse.ServerType]
    TYPE_UNSPECIFIED: ServerInfoResponse.ServerType
    TYPE_MCTS: ServerInfoResponse.ServerType
    TYPE_NEURAL_MCTS: ServerInfoResponse.ServerType
    SERVER_TYPE_FIELD_NUMBER: _ClassVar[int]
    MODEL_KEY_FIELD_NUMBER: _ClassVar[int]
    server_type: ServerInfoResponse.ServerType
    model_key: ModelKey
    def __init__(self, server_type: _Optional[_Union[ServerInfoResponse.ServerType, str]] = ..., model_key: _Optional[_Union[ModelKey, _Mapping]] = ...) -> None: ...

class NumpyExample(_message.Message):
    __slots__ = ("unix_micros", "board", "move_probs", "result", "model_key", "game_id", "move", "turn", "example_id", "initial_board", "action", "legal_moves", "priors", "visit_counts", "root_value", "network_value", "simulations", "full_search", "final_cells", "score_margin", "reply_probs", "writer_version")
    UNIX_MICROS_FIELD_NUMBER: _ClassVar[int]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    MOVE_PROBS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    MODEL_KEY_FIELD_NUMBER: _ClassVar[int]
    GAME_ID_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_ID_FIELD_NUMBER: _ClassVar[int]
    INITIAL_BOARD_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    LEGAL_MOVES_FIELD_NUMBER: _ClassVar[int]
    PRIORS_FIELD_NUMBER: _ClassVar[int]
    VISIT_COUNTS_FIELD_NUMBER: _ClassVar[int]
    ROOT_VALUE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_VALUE_FIELD_NUMBER: _ClassVar[int]
    SIMULATIONS_FIELD_NUMBER: _ClassVar[int]
    FULL_SEARCH_FIELD_NUMBER: _ClassVar[int]
    FINAL_CELLS_FIELD_NUMBER: _ClassVar[int]
    SCORE_MARGIN_FIELD_NUMBER: _ClassVar[int]
    REPLY_PROBS_FIELD_NUMBER: _ClassVar[int]
    WRITER_VERSION_FIELD_NUMBER: _ClassVar[int]
    unix_micros: int
    board: bytes
    move_probs: bytes
    result: float
    model_key: ModelKey
    game_id: str
    move: int
    turn: int
    example_id: str
    initial_board: str
    action: int
    legal_moves: bytes
    priors: bytes
    visit_counts: bytes
    root_value: float
    network_value: float
    simulations: int
    full_search: bool
    final_cells: bytes
    score_margin: int
    reply_probs: bytes
    writer_version: str
    def __init__(self, unix_micros: _Optional[int] = ..., board: _Optional[bytes] = ..., move_probs: _Optional[bytes] = ..., result: _Optional[float] = ..., model_key: _Optional[_Union[ModelKey, _Mapping]] = ..., game_id: _Optional[str] = ..., move: _Optional[int] = ..., turn: _Optional[int] = ..., example_id: _Optional[str] = ..., initial_board: _Optional[str] = ..., action: _Optional[int] = ..., legal_moves: _Optional[bytes] = ..., priors: _Optional[bytes] = ..., visit_counts: _Optional[bytes] = ..., root_value: _Optional[float] = ..., network_value: _Optional[float] = ..., simulations: _Optional[int] = ..., full_search: bool = ..., final_cells: _Optional[bytes] = ..., score_margin: _Optional[int] = ..., reply_probs: _Optional[bytes] = ..., writer_version: _Optional[str] = ...) -> None: ...

class NumpyExamples(_message.Message):
    __slots__ = ("examples",)
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    examples: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, examples: _Optional[_Iterable[bytes]] = ...) -> None: ...

class CompactGame(_message.Message):
    __slots__ = ("version", "game_id", "model_name", "unix_micros", "initial_board", "actions", "policies", "priors", "visit_counts", "root_values", "network_values", "simulations", "full_searches", "checkpoints", "writer_version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    GAME_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    UNIX_MICROS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_BOARD_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    PRIORS_FIELD_NUMBER: _ClassVar[int]
    VISIT_COUNTS_FIELD_NUMBER: _ClassVar[int]
    ROOT_VALUES_FIELD_NUMBER: _ClassVar[int]
    NETWORK_VALUES_FIELD_NUMBER: _ClassVar[int]
    SIMULATIONS_FIELD_NUMBER: _ClassVar[int]
    FULL_SEARCHES_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    WRITER_VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    game_id: str
    model_name: str
    unix_micros: int
    initial_board: str
    actions: bytes
    policies: bytes
    priors: bytes
    visit_counts: bytes
    root_values: bytes
    network_values: bytes
    simulations: bytes
    full_searches: bytes
    checkpoints: bytes
    writer_version: str
    def __init__(self, version: _Optional[int] = ..., game_id: _Optional[str] = ..., model_name: _Optional[str] = ..., unix_micros: _Optional[int] = ..., initial_board: _Optional[str] = ..., actions: _Optional[bytes] = ..., policies: _Optional[bytes] = ..., priors: _Optional[bytes] = ..., visit_counts: _Optional[bytes] = ..., root_values: _Optional[bytes] = ..., network_values: _Optional[bytes] = ..., simulations: _Optional[bytes] = ..., full_searches: _Optional[bytes] = ..., checkpoints: _Optional[bytes] = ..., writer_version: _Optional[str] = ...) -> None: ...

class Written(_message.Message):
    __slots__ = ("writer_version",)
    WRITER_VERSION_FIELD_NUMBER: _ClassVar[int]
    writer_version: str
    def __init__(self, writer_version: _Optional[str] = ...) -> None: ...
