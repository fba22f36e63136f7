"""Run every benchmark of this folder, one after the other: python -m benchmarks [--quick]"""

import subprocess
import sys
from pathlib import Path

for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
    print(f"## {path.stem}\n", flush=True)
    subprocess.run([sys.executable, str(path), *sys.argv[1:]], check=True)
    print(flush=True)
