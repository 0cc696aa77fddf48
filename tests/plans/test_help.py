"""The help of every command: each argument explained, each example understood."""

import argparse
import shlex
import subprocess
import sys

import pytest

from reactune.plans import cli
from reactune.plans.cli import _parser, main
from reactune.plans.commands import COMMANDS


def walk(parser: argparse.ArgumentParser):
    """Give a parser and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from walk(command)


PARSERS = {parser.prog: parser for parser in walk(_parser()) if parser.prog != "reactune"}


@pytest.mark.parametrize("name", PARSERS)
def test_every_argument_is_explained_and_an_example_given(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    parser = PARSERS[name]
    unexplained = [
        action
        for action in parser._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]
    assert unexplained == []
    text = parser.format_help()
    assert "\nexample" in text
    assert max(map(len, text.splitlines())) <= 90


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__.split(".")[-1])
def test_every_example_can_be_typed(command):
    name = command.__name__.split(".")[-1]
    for example in command.EXAMPLES:
        words = shlex.split(example.removeprefix('eval "$(').replace(')"', ""), comments=True)
        words = words[: words.index(">")] if ">" in words else words
        assert words[:2] == ["reactune", name]
        assert _parser().parse_args(words[1:]).run == command.run


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "reactune", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("reactune ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "powershell"])
def test_completion_knows_every_command(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for command in COMMANDS:
        assert command.__name__.split(".")[-1] in script


def test_bash_completes_commands_options_and_files(tmp_path, capsys):
    (tmp_path / "snar.toml").write_text("")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)

    def completed(*words: str) -> list[str]:
        line = " ".join(map(shlex.quote, words))
        code = (
            f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
            "$(complete -p reactune | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
            "printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        done = subprocess.run(
            ["bash", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
        )
        return done.stdout.split()

    assert completed("reactune", "op") == ["optimise"]
    assert "--from" in completed("reactune", "optimise", "--")
    assert "snar.toml" in completed("reactune", "ask", "sn")


def test_what_needs_posix_is_refused_in_words_on_windows(monkeypatch, capsys):
    monkeypatch.setattr(cli, "_WINDOWS", True)
    assert main(["demo", "--budget", "3"]) == 2
    assert "on Windows run it in WSL" in capsys.readouterr().err
    assert main(["check", "walker-ii"]) == 0
