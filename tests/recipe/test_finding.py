from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.errors import RecipeError
from edgekit.recipe import finding


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("name: mine\n", encoding="utf-8")
    (tmp_path / "folder.yaml").mkdir()
    return tmp_path


def test_a_name_is_a_shipped_recipe_and_a_path_is_a_file(here: Path) -> None:
    assert finding.find("digits") == finding.shipped("recipes") / "digits.yaml"
    assert finding.find("mine.yaml") == Path("mine.yaml")
    assert finding.find(str(here / "mine.yaml")) == here / "mine.yaml"


UNKNOWN = {
    "a slip": ("digts", 'there is no recipe "digts"', 'did you mean "digits"? edgekit list'),
    "the name of one's own": ("mine", 'there is no recipe "mine"', 'did you mean "mine.yaml"? edgekit list'),
    "nothing near": ("qqqq", 'there is no recipe "qqqq"', "edgekit list shows them all"),
    "a slip in a path": ("./mien.yaml", 'there is no file "mien.yaml"', 'did you mean "mine.yaml"?'),
    "a shipped one, as if it were here": ("digits.yaml", "there is no file", "edgekit copy digits brings"),
    "a folder": ("folder.yaml", "is a folder, not a recipe", "name the .yaml file in it"),
    "a path through nowhere": ("no/such/place", "there is no file", "edgekit list shows"),
}


@pytest.mark.parametrize(("name", "message", "hint"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_recipe_is_an_error_with_the_nearest_name(name: str, message: str, hint: str) -> None:
    with pytest.raises(RecipeError) as caught:
        finding.find(name)
    assert message in str(caught.value) and caught.value.hint and hint in caught.value.hint


def test_a_path_is_shown_from_the_current_folder_where_it_can_be(here: Path) -> None:
    assert finding.shown(here / "mine.yaml") == "mine.yaml"
    assert finding.shown(Path("/etc/hosts")) == "/etc/hosts"


def test_there_are_shipped_model_files_and_they_are_found_by_name(here: Path) -> None:
    assert "resnet.py" in [path.name for path in finding.model_files()]
    assert finding.beside(here, "resnet.py") == finding.shipped("models") / "resnet.py"
    assert finding.beside(here, "nothing.py") is None


def test_an_installed_package_brings_its_own_recipes_and_models(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = here / "site-packages" / "edgekit"
    monkeypatch.setattr(finding, "__file__", str(package / "recipe" / "finding.py"))
    assert finding.shipped("models") == here / "site-packages" / "models"
    (package / "_bundled" / "models").mkdir(parents=True)
    assert finding.shipped("models") == package / "_bundled" / "models"
