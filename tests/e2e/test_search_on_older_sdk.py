"""A whole search through an object with the verbs of older SDKs."""

import json
import sys
from pathlib import Path

import yaml
from published import check_result
from toy_skill import make_toy_skill

from tao_automl.runner import AutoMLRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "platforms"))
from test_older_sdk import Processes  # the same fake

TRAIN = (
    "import json,re;"
    "x=float(re.search(r'^x: (.*)$',open('spec.yaml').read(),re.M)[1]);"
    "print(json.dumps(dict(tao_automl='metric',epoch=1,metrics=dict(accuracy=1-(x-0.3)**2))))"
)


def test_it_runs_a_search(tmp_path: Path) -> None:
    skill = make_toy_skill(tmp_path / "toy", tmp_path / "launches")
    info = yaml.safe_load((skill / "references/skill_info.yaml").read_text())
    info |= {"runtime": "container", "container_image": "toy:1", "fidelity": None}
    del info["actions"]["train"]["python_script"], info["actions"]["train"]["data_check"]
    info["actions"]["train"]["command"] = f'python3 -c "{TRAIN}" ' + "{config_path}"
    (skill / "references/skill_info.yaml").write_text(yaml.safe_dump(info))
    (tmp_path / "root").mkdir()
    sdk = Processes(tmp_path / "root")
    runner = AutoMLRunner(skill_dir=skill, sdk=sdk, workspace_path=tmp_path / "run", poll_interval=0.05)
    result = runner.run(automl_algorithm="random", automl_settings={"num_recommendations": 3, "seed": 1})
    check_result(result)
    assert (result.status, result.platform) == ("completed", "brevity")
    assert [entry["status"] for entry in result.history] == ["success"] * 3
    assert result.best is not None
    assert len(sdk.calls) == len(json.loads((tmp_path / "run" / "older_sdk_jobs.json").read_text())) == 3
