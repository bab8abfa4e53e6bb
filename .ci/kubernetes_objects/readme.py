"""Takes the examples out of the pages in deploy/kubernetes: readme.py OVERLAYS SCRIPT PAGE…

Each example in YAML becomes a folder in OVERLAYS, as somebody would write it, and the name of each
folder is printed. The commands become one SCRIPT. A block that is neither is an error.
"""

import os
import re
import sys

# `# mine/FILE` in the first line is a whole file; `# in mine/kustomization.yaml: NAME` is a part.
WHOLE = re.compile(r"# mine/(\S+)$")
PART = re.compile(r"# in mine/kustomization.yaml: ([a-z0-9-]+)$")
HERE = "../backscroll/"
BASE = "resources: [../../deploy]\n"


def blocks(text):
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        yield language, body


def main():
    overlays, script, *pages = sys.argv[1:]
    text = ""
    for page in pages:
        with open(page, encoding="utf-8") as file:
            text += file.read()
    commands, files = [], []

    def write(folder, name, content):
        os.makedirs(os.path.join(overlays, folder), exist_ok=True)
        with open(os.path.join(overlays, folder, name), "w", encoding="utf-8") as file:
            file.write(content.replace(HERE, "../../"))

    for language, body in blocks(text):
        first = body.split("\n", 1)[0]
        whole, part = WHOLE.match(first), PART.match(first)
        if language in ("", "sh"):
            commands.append(body)
        elif whole and whole[1] == "kustomization.yaml":
            name = f"readme-whole-{len(files)}"
            files.append(name)
            write(name, whole[1], body)
        elif whole:
            # It belongs to the whole kustomization before it.
            write(files[-1], whole[1], body)
        elif part:
            lines = body if body.split("\n")[1].startswith("resources:") else BASE + body
            write(f"readme-{part[1]}", "kustomization.yaml", lines)
            print(f"readme-{part[1]}")
        elif first != "scrape_configs:" and language != "text":
            sys.exit(f"{pages}: nobody tries the example that begins with {first!r}")
    for name in files:
        print(name)
    with open(script, "w", encoding="utf-8") as file:
        file.write("\n".join(commands))


main()
