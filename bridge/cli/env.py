"""``toolbridge env``: the variables that point Claude Code and the Anthropic SDKs at the proxy."""

from __future__ import annotations

import argparse
import os
import shlex

from bridge.cli import proxy

_FORMATS = {
    "bash": "export {name}={value}",
    "fish": "set -gx {name} {value}",
    "powershell": "$env:{name} = {value}",
}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "env",
        help="print the exports that point a client at the proxy",
        description='Print the variables that point a client at the proxy, for `eval "$(toolbridge env)"`.',
    )
    parser.add_argument("--shell", choices=["bash", "zsh", "fish", "powershell"], help="default: from $SHELL")
    proxy.add_target(parser)


def run(args: argparse.Namespace) -> int:
    """Print one line per variable."""
    print("\n".join(exports(proxy.base_url(args), args.shell or own_shell())))
    return 0


def exports(url: str, shell: str = "bash", key: str = "") -> list[str]:
    """Lines for ``shell``. An empty API key matters: a set one would win over the token."""
    variables = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": key or os.environ.get("BRIDGE_KEY") or "local",
        "ANTHROPIC_API_KEY": "",
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
    }
    line = _FORMATS["bash" if shell == "zsh" else shell]
    return [line.format(name=name, value=_quoted(value, shell)) for name, value in variables.items()]


def _quoted(value: str, shell: str) -> str:
    match shell:
        case "powershell":
            return "'" + value.replace("'", "''") + "'"
        case "fish":
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case _:
            return shlex.quote(value) if value else ""


def own_shell() -> str:
    """The shell that the user works in, by $SHELL; bash if it is none that we write for."""
    name = os.path.basename(os.environ.get("SHELL", ""))
    return name if name in _FORMATS else "bash"
