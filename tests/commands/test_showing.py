import onnx.parser
import pytest

from edgekit import cli
from edgekit.commands import showing
from edgekit.commands.gating import share
from edgekit.errors import UsageError

TEXT = """<ir_version: 8, opset_import: ["": 17]>
tiny (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"""


@pytest.mark.parametrize(("text", "value"), [("5%", 0.05), ("5", 0.05), ("2.5 %", 0.025), ("0%", 0.0)])
def test_a_gate_is_a_share_in_percent(text, value):
    assert share(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "much", "-5%", "5%%", "nan"])
def test_what_is_no_share_is_told(text):
    with pytest.raises(UsageError, match="is no share"):
        share(text)


@pytest.mark.parametrize(("page", "png"), [("page.txt", None), (None, "picture.svg"), ("page", None)])
def test_a_file_is_named_as_what_it_is(page, png):
    with pytest.raises(UsageError, match="is named"):
        showing.check(page, png)
    showing.check("page.HTML", "picture.PNG")
    showing.check(None, None)


def test_bench_draws_what_it_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relu.onnx").write_bytes(onnx.parser.parse_model(TEXT).SerializeToString())
    quick = ["--seconds", "0.05", "--no-costs", "--no-ceilings"]
    assert cli.run(["bench", "relu.onnx", *quick, "--page", "out/page.html", "--png", "picture.png"]) == 0
    assert "page: out/page.html" in capsys.readouterr().out
    assert "relu.onnx takes" in (tmp_path / "out" / "page.html").read_text(encoding="utf-8")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_bench_refuses_a_page_of_another_kind_before_it_measures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["bench", "gone.onnx", "--page", "page.pdf"]) == 2
    assert 'the page is named "page.pdf"' in capsys.readouterr().err
