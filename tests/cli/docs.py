"""docs.py: every command of the README, the documents and the manual pages runs, on models that
are made for the names it mentions, and ends well.

A command is a line that begins with `mallorn` (or `$ mallorn`) in a fenced block without a
language, with `sh` or with `yaml` (there a step's `run:`), or in a block that is indented by four.
What follows two spaces or a '#' explains it. Blocks fenced as `text` are not run. Lines that begin
with `make` must name a target of the Makefile."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

MALLORN = os.environ["MALLORN"]
SMALL = {".tflite": "int8.tflite", ".onnx": "int8.onnx", ".gguf": "q4_k_m.gguf",
         ".safetensors": "int8.safetensors"}
PATCH = {".tflp": ".tflite", ".mlp": ".tflite", ".onxp": ".onnx", ".ggup": ".gguf",
         ".sftp": ".safetensors"}
LATER = re.compile(r"new|tuned|v2|^b\.|fine")
# Where no terminal interface is built, its commands cannot run.
KEYS = "@size 24 80\n@wait\n"


def commands_of_markdown(path):
    fence = None
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            edge = re.match(r"\s*```(\w*)", line)
            if edge:
                fence = None if fence is not None else edge.group(1)
                continue
            step = re.match(r"\s*- run: (mallorn .*)", line)
            if fence == "yaml" and step:
                yield f"{path}:{number}", step.group(1)
            inside = fence in ("", "sh") or (fence is None and line.startswith("    "))
            plain = re.match(r"\s*(?:\$ )?((?:mallorn|make)\b.*)", line)
            if inside and plain:
                text = re.split(r"\s+#|\s{2,}", plain.group(1))[0]
                yield f"{path}:{number}", text


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, check=False, **more)


def commands_of_pages():
    names = run(MALLORN, "help", "--names").stdout.split()
    pages = [("", run(MALLORN, "help", "--man").stdout)]
    pages += [("-" + n, run(MALLORN, "help", "--man", n).stdout) for n in names]
    for path in glob.glob("docs/man/*"):
        with open(path, encoding="utf-8") as f:
            pages.append((":" + path, f.read()))
    for name, text in pages:
        for line in re.findall(r"^\.Dl (mallorn .*)$", text, re.M):
            yield "man mallorn" + name, line.replace("\\-", "-").replace("\\e", "\\")


class Desk:
    """A folder in which files appear as commands mention them."""

    def __init__(self, folder, demo):
        self.folder, self.demo = folder, demo

    def at(self, name):
        return os.path.join(self.folder, name)

    def model(self, name):
        ending = os.path.splitext(name)[1]
        side = "tuned" if LATER.search(os.path.basename(name)) else "base"
        os.makedirs(os.path.dirname(self.at(name)) or ".", exist_ok=True)
        shutil.copy(os.path.join(self.demo, f"{side}.{SMALL[ending]}"), self.at(name))

    def pair(self, ending):
        return [os.path.join(self.demo, f"{side}.{SMALL[ending]}") for side in ("base", "tuned")]

    def provide(self, name):
        """Makes a file that a command reads, by the look of its name."""
        ending = os.path.splitext(name)[1]
        made = None
        if os.path.exists(self.at(name)):
            return
        if ending in SMALL:
            self.model(name)
        elif ending in PATCH:
            made = run(MALLORN, "diff", *self.pair(PATCH[ending]), "-q", "--device", "1M", "-o",
                       self.at(name))
        elif ending in (".yml", ".yaml"):
            made = run(MALLORN, "profile", "init", *self.pair(".gguf"), "-o", self.at(name))
        elif ending == ".dict":
            made = run(MALLORN, "dict", "train", *self.pair(".tflite") * 2, "-q", "-o", self.at(name))
        if made is not None and made.returncode != 0:
            raise RuntimeError(f"{name} cannot be made: {made.stderr}")

    def prepare(self, words):
        shutil.rmtree(self.at("demo"), ignore_errors=True)  # of an example before
        out = False
        for word in words:
            if out and os.path.isfile(self.at(word)) and word not in self.read(words):
                os.remove(self.at(word))
            elif not out and not word.startswith("-") and "=" not in word:
                self.provide(word)
            out = word in ("-o", "--output", "--report")

    @staticmethod
    def read(words):
        """Operands, which -o may name as well."""
        return [w for before, w in zip(words, words[1:]) if before not in ("-o", "--output")]

    def play(self, words, text):
        env = dict(os.environ, PATH=self.demo + ":" + os.environ["PATH"], XDG_STATE_HOME=self.at("state"), XDG_CACHE_HOME=self.at("cache"),
                   XDG_CONFIG_HOME=self.at("config"))
        if len(words) == 3 and os.path.isfile(self.at(words[1])):  # opens the interface
            with open(self.at("keys"), "w", encoding="utf-8") as f:
                f.write(KEYS)
            if run(MALLORN, "tui", cwd=self.folder, env=dict(env, MALLORN_SCRIPT="keys")).returncode:
                return None
            env["MALLORN_SCRIPT"] = "keys"
        return run("sh", "-c", text, cwd=self.folder, env=env, stdin=subprocess.DEVNULL)


def main():
    bad = done = 0
    makefile = open("Makefile", encoding="utf-8").read()
    documents = ["README.md", "CONTRIBUTING.md"] + sorted(glob.glob("docs/*.md"))
    found = [c for d in documents for c in commands_of_markdown(d)] + list(commands_of_pages())
    with tempfile.TemporaryDirectory() as work:
        demo = os.path.join(work, "made")
        for name in SMALL.values():
            for side in ("base", "tuned"):
                made = run(MALLORN, "make-demo", "-q", "--only", f"{side}.{name}", demo)
                if made.returncode != 0:
                    sys.exit(f"make-demo {side}.{name}: {made.stderr}")
        os.symlink(os.path.abspath(MALLORN), os.path.join(demo, "mallorn"))
        place, desk, known = None, None, {}
        for where, text in found:
            words = shlex.split(text)
            if words[0] == "make":
                targets = [w for w in words[1:] if "=" not in w]
                if any(not re.search(rf"^(?:[\w ./-]* )?{t}(?: [^:=]*)?:", makefile, re.M) for t in targets):
                    print(f"FAIL: {where}: {text}: no such target")
                    bad = 1
                continue
            if text in known:
                continue
            known[text] = True
            if place != where.split(":")[0]:  # one folder for each document
                place = where.split(":")[0]
                desk = Desk(tempfile.mkdtemp(dir=work), demo)
            desk.prepare(words)
            got = desk.play(words, text)
            if got is None:
                print(f"skipped: no terminal interface: {text}")
                continue
            done += 1
            if got.returncode != 0:
                print(f"FAIL: {where}: {text}: exit {got.returncode}\n{got.stdout}{got.stderr}")
                bad = 1
    print(f"{done} commands")
    sys.exit(bad or done < 40)


main()
