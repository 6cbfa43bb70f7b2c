"""Runs the code of a page in order: what stands in a block of text after it must be what it prints.

    page.py PAGE FOLDER [--print]     with --print, what each block prints is shown and not compared
"""

import contextlib
import io
import os
import pathlib
import re
import subprocess
import sys

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def fail(what: str) -> None:
    sys.exit(f"{page}: {what}")


page, folder = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
comparing = "--print" not in sys.argv[3:]
blocks = BLOCK.findall(page.read_text())
os.chdir(folder)
names: dict = {}
printed = ""
count = 0
for kind, body in blocks:
    if kind == "sh":
        for line in body.splitlines():
            # The packages are there by now.
            if not line.startswith("pip "):
                subprocess.run(["bash", "-ec", line], check=True, stdout=subprocess.DEVNULL)
    elif kind == "python":
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(body, f"{page.name}, block {count + 1}", "exec"), names)
        printed = out.getvalue()
        count += 1
        if not comparing:
            print(printed)
    elif kind == "text" and comparing:
        want, got = ([line.rstrip() for line in text.splitlines()] for text in (body, printed))
        if want != got:
            fail("block {} prints\n{}\nand the page says\n{}".format(count, "\n".join(got), "\n".join(want)))
if count == 0:
    fail("no code")
print(f"{page.name}: {count} blocks of code print what the page says")
