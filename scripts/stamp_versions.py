#!/usr/bin/env python3
"""Write the values of versions.yaml into the lines that are marked `# versions-key: KEY`.

--check writes nothing and exits with 2 if a line differs. Run it after a change of versions.yaml.
"""

from __future__ import annotations

import argparse

from _door import ACT, READY, Answer, answer, bank_root, options


def parser() -> argparse.ArgumentParser:
    found = options(__doc__)
    found.add_argument("--check", "--dry-run", dest="check", action="store_true", help="only say what would change")
    return found


def work(arguments: argparse.Namespace) -> Answer:
    from tao_automl.bank.versions import stamp

    root = bank_root()
    lines = stamp(root, write=not arguments.check)
    faults = [line for line in lines if line.fault]
    document = {
        "ok": not faults and not (arguments.check and lines),
        "written": not arguments.check,
        "lines": [
            {
                "path": line.path.relative_to(root).as_posix(),
                "line": line.line,
                "key": line.key,
                "found": line.found,
                "wanted": line.wanted,
                "fault": line.fault,
            }
            for line in lines
        ],
    }
    verb = "would change" if arguments.check else "changed"
    said = [str(line) if line.fault else f"{verb}: {line}" for line in lines]
    return document, "\n".join(said) or "all marked lines agree with versions.yaml", READY if document["ok"] else ACT


if __name__ == "__main__":
    raise SystemExit(answer(parser(), work))
