"""Tokens of single workers, in a file that changes while it is used."""

import stat
import threading
from pathlib import Path

import pytest

from hexz.vetting.tokens import TokenError, WorkerTokens


@pytest.fixture
def tokens(tmp_path) -> WorkerTokens:
    return WorkerTokens(tmp_path / "worker-tokens")


def test_a_token_is_its_owners_until_it_is_revoked(tokens, tmp_path):
    """In a process that has read the file before, too: here another object."""
    token = tokens.add("alice")
    server = WorkerTokens(tmp_path / "worker-tokens")
    assert server.owner(token) == "alice"
    other = tokens.add("bob")
    assert (server.owner(other), server.owner(token)) == ("bob", "alice")
    tokens.revoke("alice")
    assert (server.owner(other), server.owner(token)) == ("bob", None)
    assert server.names() == ["bob"]


@pytest.mark.parametrize("wrong", ["", "alice", "alice.", ".", "nobody.x", "alice.x", "x" * 5000])
def test_nothing_else_is_a_token(tokens, wrong):
    token = tokens.add("alice")
    assert tokens.owner(wrong) is None
    assert tokens.owner(token + "x") is None
    assert tokens.owner(token.upper()) is None


def test_the_file_tells_no_token(tokens, tmp_path):
    secret = tokens.add("alice").partition(".")[2]
    text = (tmp_path / "worker-tokens").read_text()
    assert secret not in text
    assert "alice" in text
    assert not (tmp_path / "worker-tokens").stat().st_mode & stat.S_IWOTH


@pytest.mark.parametrize("name", ["", "a.b", "a b", "-x", "x" * 64, "ü", "a\n"])
def test_a_name_that_is_none_is_refused(tokens, name):
    with pytest.raises(TokenError, match="is no name"):
        tokens.add(name)


def test_a_name_has_one_token(tokens):
    tokens.add("alice")
    with pytest.raises(TokenError, match="revoke it first"):
        tokens.add("alice")
    with pytest.raises(TokenError, match="bob has no token"):
        tokens.revoke("bob")


def test_lines_that_are_no_tokens_are_told_and_the_others_hold(tokens, tmp_path):
    token = tokens.add("alice")
    path = tmp_path / "worker-tokens"
    path.write_text(path.read_text() + "bob not-a-digest\n\n# a comment\n")
    assert tokens.owner(token) == "alice"
    assert "worker-tokens are no tokens: [3]" in str(tokens.problem)


def test_a_file_that_is_gone_or_cannot_be_read_admits_nobody(tokens, tmp_path):
    token = tokens.add("alice")
    path = tmp_path / "worker-tokens"
    path.unlink()
    assert tokens.owner(token) is None
    assert tokens.problem is None
    path.write_bytes(b"\xff\xfe\x00")
    assert tokens.owner(token) is None
    assert "cannot read the tokens" in str(tokens.problem)


def test_comments_of_people_stay(tokens, tmp_path):
    path = tmp_path / "worker-tokens"
    token = tokens.add("alice")
    path.write_text(f"# Käthe's machine\n\n{path.read_text()}# the end\n")
    other = tokens.add("bob")
    tokens.revoke("alice")
    assert (tokens.owner(token), tokens.owner(other)) == (None, "bob")
    lines = path.read_text().splitlines()
    assert [line for line in lines if "bob" not in line] == [
        "# Käthe's machine",
        "",
        "# Workers and SHA-256 of their tokens; `hexzctl fleet token` changes this file.",
        "# the end",
    ]


def damaged(path: Path) -> None:
    path.write_text(path.read_text() + "bob not-a-digest\n")


def unreadable(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"# K\xe4the\n")


@pytest.mark.parametrize("spoil", [damaged, unreadable])
def test_a_file_that_is_not_understood_is_not_replaced(tokens, tmp_path, spoil):
    path = tmp_path / "worker-tokens"
    tokens.add("alice")
    spoil(path)
    before = path.read_bytes()
    for change in (lambda: tokens.add("carol"), lambda: tokens.revoke("alice")):
        with pytest.raises(TokenError, match=r"worker-tokens.*mend that first"):
            change()
    assert path.read_bytes() == before


def test_several_who_change_the_file_at_once_lose_nothing(tmp_path):
    names = [f"w{number}" for number in range(16)]
    begin = threading.Barrier(len(names))

    def add(name: str) -> None:
        own = WorkerTokens(tmp_path / "worker-tokens")
        begin.wait()
        own.add(name)

    threads = [threading.Thread(target=add, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert WorkerTokens(tmp_path / "worker-tokens").names() == sorted(names)


def test_a_directory_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        WorkerTokens(tmp_path / "file" / "worker-tokens").add("alice")
