from __future__ import annotations

from pathlib import Path

import pytest
from running import serving

from bridge import cli

TOOL = '{"name": "f", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}}'


def test_without_a_file_the_demo_model_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tool.json").write_text(TOOL)
    with serving(tmp_path, "", verb="dev", environment={"SHELL": "/bin/bash"}) as proxy:
        proxy.wait_for_log("export ANTHROPIC_API_KEY=\n")
        assert f"export ANTHROPIC_BASE_URL={proxy.url}\n" in proxy.log()
        assert cli.main(["send", "/think /tool", "--tool", str(tmp_path / "tool.json"), "--url", proxy.url]) == 0
        out, err = capsys.readouterr()
        assert out.splitlines()[-1] == 'f {"n": 1}' or out.splitlines()[-1] == 'f {"n":1}'
        assert "think" in err


def test_it_serves_this_machine_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dev", "--listen", "0.0.0.0:4100"]) == 2
    assert "toolbridge serve" in capsys.readouterr().err
    assert cli.main(["dev", "--listen", "nonsense"]) == 2
    assert "HOST:PORT" in capsys.readouterr().err
