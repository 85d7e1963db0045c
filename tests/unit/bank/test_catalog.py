from pathlib import Path

import pytest
from skill_files import INFO, write_skill

from tao_automl.bank import find_bank_root, find_skill, list_skills
from tao_automl.bank.catalog import UnknownModel
from tao_automl.errors import SkillError


@pytest.fixture
def bank(tmp_path):
    models = tmp_path / "skills" / "models"
    write_skill(models / "train-toy")
    write_skill(
        models / "train-other", info={**INFO, "name": "train-other", "network_arch": "other", "aliases": ["toy-net"]}
    )
    write_skill(models / "train-broken")
    (models / "train-broken/references/skill_info.yaml").write_text("a: [")
    (models / "not-a-skill").mkdir()
    return tmp_path


def test_skills_are_listed_by_name_and_broken_ones_with_their_fault(bank):
    skills = list_skills(bank)
    assert [skill.name for skill in skills] == ["train-broken", "train-other", "train-toy"]
    assert "must be YAML" in skills[0].fault
    assert (skills[2].network_arch, skills[2].actions, skills[2].fault) == ("toy", ("train", "evaluate"), "")


@pytest.mark.parametrize("name", ["train-toy", "toy", "TOY", "Train_Toy", " train toy "])
def test_a_skill_has_several_names(bank, name):
    assert find_skill(name, bank) == bank / "skills/models/train-toy"


def test_a_path_is_taken_as_it_is(bank):
    path = bank / "skills/models/train-toy"
    assert find_skill(str(path)) == find_skill(path, bank) == path
    with pytest.raises(SkillError, match=r"a model skill must have references/skill_info.yaml"):
        find_skill(bank / "skills/models/not-a-skill")


@pytest.mark.parametrize("name", ["a" * 400, "~nobody-of-this-name", "a\0b", "", ".", "*", "é" * 200])
def test_names_that_no_file_can_have(bank, name):
    with pytest.raises(UnknownModel):
        find_skill(name, bank)


def test_unknown_and_ambiguous_names(bank):
    for typo in ("train-tyo", "tyo", "tao-train-tyo"):
        with pytest.raises(UnknownModel, match=f"'{typo}': no such model skill") as caught:
            find_skill(typo, bank)
        assert caught.value.nearest[0] == "train-toy"
        assert set(caught.value.nearest) == {"train-toy", "train-other", "train-broken"}
        assert caught.value.hint == f"nearest: {', '.join(caught.value.nearest)}"
    with pytest.raises(SkillError, match="'toy-net': must name one model, names train-other, train-toy"):
        find_skill("toy-net", bank)
    with pytest.raises(SkillError, match="'': no such model skill"):
        find_skill("", bank)


def test_the_root_is_found_from_the_environment_or_the_package(bank, monkeypatch):
    monkeypatch.setenv("TAO_SKILL_BANK_PATH", str(bank))
    assert find_bank_root() == bank
    monkeypatch.setenv("TAO_SKILL_BANK_PATH", str(bank / "nowhere"))
    with pytest.raises(SkillError, match="TAO_SKILL_BANK_PATH must name a folder with skills/"):
        find_bank_root()
    monkeypatch.delenv("TAO_SKILL_BANK_PATH")
    assert (find_bank_root() / "skills" / "models").is_dir()
    assert find_bank_root() == Path(__file__).resolve().parents[3]


def test_every_skill_of_this_bank_loads(monkeypatch):
    monkeypatch.delenv("TAO_SKILL_BANK_PATH", raising=False)
    assert [skill.fault for skill in list_skills() if skill.fault] == []
