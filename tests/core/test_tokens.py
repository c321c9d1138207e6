import pytest
from texts import CODE, ENGLISH, JSON

from bridge.core.tokens import TextSize, estimate_text, text_size

CHINESE = (
    "服务器在启动时读取配置文件，并在整个请求期间保持不变。如果文件有错误，旧配置仍然有效，日志会指出错误所在的行。"
)
JAPANESE = (
    "サーバーは起動時に設定ファイルを読み込み、"
    "ファイルが変更されると再読み込みします。間違いがあれば古い設定が使われます。"
)
RUSSIAN = "Сервер читает настройки один раз и перечитывает их, когда файл меняется. Ошибка в файле ничего не меняет."


# The second figure is the mean of what three open vocabularies (100 k to 248 k entries) make of the text.
@pytest.mark.parametrize(
    ("text", "real"),
    [(ENGLISH, 61), (CODE, 83), (JSON, 76), (CHINESE, 36), (JAPANESE, 40), (RUSSIAN, 34)],
    ids=["english", "code", "json", "chinese", "japanese", "russian"],
)
def test_the_estimate_is_near_what_tokenizers_say(text, real):
    assert estimate_text(text) == pytest.approx(real, rel=0.15)


def test_what_vocabularies_treat_differently_is_counted_apart():
    assert text_size("1234567").digits == 7 - 3
    assert text_size("12 345 6").digits == 6 - 3
    assert (text_size("汉字").han > 0, text_size("汉字").scripts, text_size("汉字").letters) == (True, 0, 0)
    for text in ("かな", "한글", "слово", "😀", "ä"):
        assert text_size(text).scripts > 0
        assert text_size(text).han == 0
    assert text_size("word") == TextSize(letters=text_size("word").letters)


def test_lone_surrogates_and_emptiness_are_no_trouble():
    assert estimate_text("") == 0
    assert estimate_text("\ud800") > 0
    assert min(estimate_text(char * 1_000) for char in map(chr, range(0x300))) >= 0


def test_the_effort_is_linear():
    assert estimate_text(CODE * 1_000) == pytest.approx(1_000 * estimate_text(CODE), rel=0.02)
