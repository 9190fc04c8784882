# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of what the command line says about itself: help, examples, completion."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from astro_cnnfit.cli import main
from astro_cnnfit.cli.exit_codes import EXIT_CODES
from astro_cnnfit.cli.parser import COMMANDS, make_parser

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.rst")), *sorted(ROOT.glob("*.rst"))]


def lines_of(text):
    """Lines of a page that call the command, those that go on joined."""
    text = re.sub(r"\\\n\s*", " ", text)
    call = r"^ {2,}(?:\$ |\S+=\S+ )?(?:\.venv/bin/)?(astro-cnnfit .*)$"
    calls = re.findall(call, text, re.MULTILINE)
    return [line.split(" > ")[0].split(" | ")[0] for line in calls]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples_that_parse(name, capsys):
    with pytest.raises(SystemExit) as raised:
        main([name, "--help"])
    assert raised.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert "--json" in shown
    for says, line in COMMANDS[name].EXAMPLES.items():
        assert says in shown
        assert line in shown
        options = make_parser().parse_args(shlex.split(line)[1:])
        assert options.command == name


def test_help_shows_exit_status(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert [code for code in EXIT_CODES if f"  {code:<4} " not in shown] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_on_pages_parse(page):
    for line in lines_of(page.read_text(encoding="utf-8")):
        if "--completion" not in line:
            make_parser().parse_args(shlex.split(line, comments=True)[1:])


def test_every_argument_is_on_its_page(monkeypatch):
    if not DOCS.is_dir():
        pytest.skip(reason="the documentation is not part of the installed package")
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.delitem(sys.modules, "command_pages", raising=False)
    import command_pages

    text = command_pages.commands()
    parsers = make_parser()._subparsers._group_actions[0].choices
    for name, parser in parsers.items():
        section = text.split(f"astro-cnnfit {name}\n---")[1].split("\n---")[0]
        for action in set(parser._actions):
            assert action.help, (name, action.dest)
            if action.dest not in ("help", "json", "debug"):
                shown = (action.option_strings or [action.metavar])[-1]
                assert f"``{shown}" in section, (name, shown)
    assert "%(" not in text
    for code in EXIT_CODES:
        assert f"* - {code}\n" in command_pages.exit_codes()


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_is_a_script(shell, capsys):
    pytest.importorskip("shtab")
    with pytest.raises(SystemExit) as raised:
        main(["--completion", shell])
    assert raised.value.code == 0
    script = capsys.readouterr().out
    assert "morphology" in script
    if shell == "tcsh" or shutil.which(shell) is None:
        return
    checked = subprocess.run([shell, "-n"], input=script, text=True, check=False)
    assert checked.returncode == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["mea"], {"measure"}),
        (["measure", "--inv"], {"--inverse-variance"}),
        (["measure", "--refine", "m"], {"ml", "map"}),
        (["measure", "--psf", "ps"], {"psf.fits"}),
        (["simulate", "-o", "gal"], {"galaxies"}),
    ],
)
def test_bash_completes(words, expected, capsys, tmp_path):
    pytest.importorskip("shtab")
    (tmp_path / "psf.fits").touch()
    (tmp_path / "galaxies").touch()
    with pytest.raises(SystemExit):
        main(["--completion", "bash"])
    script = capsys.readouterr().out
    script += f"""
        COMP_WORDS=(astro-cnnfit {shlex.join(words)}); COMP_CWORD={len(words)}
        $(complete -p astro-cnnfit | sed 's/.*-F \\([^ ]*\\).*/\\1/') astro-cnnfit
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc"],
        input=script, capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert expected <= set(done.stdout.split()), done.stderr


def test_completion_without_shtab_names_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit) as raised:
        main(["--completion", "bash"])
    assert raised.value.code == 2
    assert "comes with the extra 'completion'" in capsys.readouterr().err
