"""The errors that hexz raises on purpose; those of one module are there.

A message is one line that says what is wrong and, where that is not obvious, what to do. The
command line prints it as it is and exits with 1.
"""


class HexzError(Exception):
    """Base class of all of them; catching it catches nothing that is a bug.

    Attributes:
        is_final: whether trying again does not help before somebody acts.
    """

    is_final = False


def reason_of(error: Exception) -> str:
    """Tells what went wrong, in one line."""
    if isinstance(error, HexzError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"


class IllegalMove(HexzError, ValueError):
    """The rules do not allow this move here; the board is unchanged."""


class InvalidBoard(HexzError, ValueError):
    """A text, an array or a message does not describe a position of Flagz."""


class InvalidGame(HexzError, ValueError):
    """A file is not a saved game of Flagz."""


class InvalidExample(HexzError, ValueError):
    """Bytes are not a training example, or the example contradicts itself."""


class InvalidEvaluation(HexzError, ValueError):
    """A network returned numbers that no position can have, such as NaN: its weights are bad."""


class InvalidModel(HexzError, ValueError):
    """A model file is missing, unreadable, or of an architecture unknown to this version."""

    is_final = True


class NoModel(InvalidModel):
    """There is no model at a place, or none yet."""


class NeedsTorch(HexzError):
    """PyTorch is not installed, and this cannot be done without it."""

    is_final = True


class NothingToExport(HexzError):
    """No example, or no whole game, is left to be exported; nothing was written."""


class NotAllExported(HexzError):
    """Some files or entries could not be used; what could was written."""


class InvalidSettings(HexzError, ValueError):
    """A setting has a value that cannot be used, wherever it was given."""

    is_final = True


class InvalidMessage(HexzError, ValueError):
    """A message of another process or machine is not what this version understands."""


class ChannelError(HexzError):
    """The Redis that models travel through cannot be reached, refuses us, or cannot be started."""


class OutputError(HexzError, OSError):
    """Results cannot be written: no permission, no space, not a directory."""


class StoreError(HexzError):
    """Checkpoints cannot be read or written, and trying again will not help: somebody must act."""

    is_final = True


class NotInStore(StoreError):
    """There is no such checkpoint, or it does not have a file."""


class StoreUnavailable(StoreError):
    """Checkpoints cannot be read or written now; the same call may succeed later."""

    is_final = False


class CheckpointExists(StoreError):
    """The store has another checkpoint of this number already, which stays as it is."""


class TrainingFailed(HexzError, ArithmeticError):
    """Training diverged: losses, gradients or weights are not finite numbers."""


class UnknownDevice(HexzError, ValueError):
    """There is no such inference device, or it does not compute in the precision asked for."""
