"""What a process prints about its work: it goes on, whatever becomes of its words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = "import sys; from hexz.output import lossy_output, open_standard_streams;"


def run(code: str, **streams: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + code],
        text=True,
        check=False,
        **streams,  # type: ignore[call-overload]
    )


PRINT = """
with lossy_output():
    for text in ("a" * 100_000, "b"):
        print(text, flush=True)
        print(text, file=sys.stderr)
open(WHERE, "w").write("went on")
"""


@pytest.mark.parametrize("device", ["/dev/full", "pipe"])
def test_work_goes_on_when_nothing_can_be_printed(tmp_path: Path, device: str) -> None:
    if device == "pipe":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(device, os.O_WRONLY)
    code = PRINT.replace("WHERE", repr(str(tmp_path / "work")))
    result = run(code, stdout=writer, stderr=writer)
    os.close(writer)
    assert result.returncode == 0
    assert (tmp_path / "work").read_text() == "went on"


def test_what_can_be_printed_is_printed_in_order() -> None:
    code = "print(1)\nwith lossy_output():\n    print('ä')\n    print(3, file=sys.stderr)\nprint(4)"
    result = run(code, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.stdout == "1\nä\n3\n4\n"


def test_results_that_cannot_be_printed_are_an_error_again() -> None:
    with open("/dev/full", "w") as full:
        code = "\nwith lossy_output():\n    print(1)\nprint(2, flush=True)"
        result = run(code, stdout=full, stderr=subprocess.PIPE)
    assert result.returncode != 0
    assert "No space left on device" in result.stderr


def test_from_an_input_that_was_closed_nothing_is_read() -> None:
    script = '"$0" -c "$1" <&-'
    code = START + "open_standard_streams(); print(repr(sys.stdin.read()))"
    result = subprocess.run(
        ["/bin/sh", "-c", script, sys.executable, code],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert result.stdout == "''\n"


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_file_is_never_taken_for_a_stream_that_was_closed(tmp_path: Path, closed: str) -> None:
    """Whatever prints then, also below Python, would print into the file."""
    file = tmp_path / "file"
    code = (
        f"open_standard_streams(); import os; file = open({str(file)!r}, 'w'); file.write('ours');"
        "file.flush(); print('theirs', flush=True); os.write(2, b'theirs'); sys.exit(file.fileno())"
    )
    script = f'"$0" -c "$1" {closed}'
    result = subprocess.run(["/bin/sh", "-c", script, sys.executable, START + code], check=False)
    assert result.returncode > 2
    assert file.read_text() == "ours"
