"""transformers and peft, set up to reach no hub, to run no code from model folders, and to say nothing unasked.

Import them from here only: the variables must be set before the libraries are imported for the first time. To the
type checker both are unknown, as their types change from version to version.
"""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

transformers: Any = import_module("transformers")
peft: Any = import_module("peft")

warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

VERSIONS = {"transformers": str(transformers.__version__), "peft": str(peft.__version__)}
FROM_FOLDER = {"local_files_only": True, "trust_remote_code": False}

__all__ = ["FROM_FOLDER", "VERSIONS", "peft", "transformers"]
