import jinja2
import pytest

from edgekit.reporting.templates import environment


def test_what_a_template_names_must_be_there_and_is_escaped():
    made = environment()
    assert made.from_string("{{ name }}").render(name="<b>") == "&lt;b&gt;"
    with pytest.raises(jinja2.UndefinedError):
        made.from_string("{{ nothing }}").render()
