import pytest
from chunking import bytewise, chunkings, every_split, seeded_splits, whole


@pytest.mark.parametrize("data", ["", "a", "añ🙂b", b"", b"x", "añ🙂b".encode()])
def test_every_chunking_joins_to_the_original_without_empty_chunks(data):
    for chunks in chunkings(data):
        assert type(data)().join(chunks) == data
        assert all(chunks)


def test_shapes():
    assert whole("abc") == ["abc"]
    assert whole(b"") == []
    assert bytewise(b"ab") == [b"a", b"b"]
    assert list(every_split("abc")) == [["a", "bc"], ["ab", "c"]]
    assert list(seeded_splits("abcdef")) == list(seeded_splits("abcdef"))
    assert len(list(seeded_splits("abcdef", count=3, seed=5))) == 3
