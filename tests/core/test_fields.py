from __future__ import annotations

from bridge.core.fields import Row, Table


def test_what_is_read_or_missed_by_nobody_is_quiet() -> None:
    table = Table(a=Row("mapped"), b=Row("declared"), c=Row("silent"), d=Row("dropped"), e=Row("refused", "no"))
    assert table.quiet == {"a", "b", "c"}
    assert table.rows["e"].note == "no"
