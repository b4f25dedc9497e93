"""Makes every golden file in this folder, or checks them. README.md beside this file says how to run it.

python make.py                        make all files again, with the same seeds
python make.py adam_ ema              only those whose names begin so
python make.py --check                compute again what the files here hold, and compare; changes nothing
python make.py --check --dir FOLDER   the same for another set of files with these names
python make.py --seed 7 --dir FOLDER  another set: other numbers in the same sizes
"""

import argparse
import sys
from pathlib import Path

import torch

from goldens import augment, layers, losses, optimizers, penalties, projected, resize, training
from goldens.file import check, make, print_versions

HERE = Path(__file__).parent
CASES = [case for kind in (layers, training, projected, optimizers, penalties, losses, augment, resize) for case in kind.CASES]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of names; without any: all files")
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs (default: %(default)s)")
    parser.add_argument("--dir", type=Path, default=HERE, help="where the files are (default: this folder)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # sums in one order, so that the same versions write the same bytes
    print_versions()
    chosen = [case for case in CASES if not arguments.names or case.name.startswith(tuple(arguments.names))]
    if not chosen:
        sys.exit(f"no file begins with {' or '.join(arguments.names)}")
    arguments.dir.mkdir(parents=True, exist_ok=True)
    faults = 0
    for case in chosen:
        path = arguments.dir / f"{case.name}.safetensors"
        if not arguments.check:
            print(f"{case.name}: {make(case, arguments.seed, path)}")
        elif not path.exists():
            print(f"{case.name}: {path} is missing")
            faults += 1
        else:
            found = check(case, path)
            faults += len(found)
            print(f"{case.name}: {'; '.join(found) or 'the same'}")
    unknown = {path.stem for path in arguments.dir.glob("*.safetensors")} - {case.name for case in CASES}
    if arguments.check and unknown:
        print(f"not made by this script, and not checked: {', '.join(sorted(unknown))}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
