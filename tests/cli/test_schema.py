from __future__ import annotations

import pytest

from bridge import cli
from bridge.config.jsonschema import json_schema_text
from bridge.server.openapi import document_text


def test_it_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    assert capsys.readouterr().out == json_schema_text()


def test_it_prints_the_openapi_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "--openapi"]) == 0
    assert capsys.readouterr().out == document_text()
