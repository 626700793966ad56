"""Shared by the drivers: description of the machine, versions, running programs."""

import json
import os
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}  # of a probability


def log(message):
    print(message, file=sys.stderr, flush=True)


def add_program_flags(parser):
    """--threads, --build, --python, --results."""
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--build", default=str(ROOT / "build"), help="folder of the programs")
    venv = ROOT / ".venv/bin/python"
    parser.add_argument("--python", default=str(venv) if venv.exists() else sys.executable)
    parser.add_argument("--results", default=str(ROOT / "bench/results"))


def cpu_field(name):
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return ""


def cpu_flags():
    return set(cpu_field("flags").split())


def best_dtype():
    return "bfloat16" if {"avx512_bf16", "amx_bf16"} & cpu_flags() else "float32"


def describe_machine(load):
    interesting = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    return {"cpu": cpu_field("model name"), "cores": len(os.sched_getaffinity(0)),
            "flags": [flag for flag in interesting if flag in cpu_flags()],
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
            "system": f"{platform.system()} {platform.machine()}", "load_at_start": round(load, 2)}


def machine_line(machine):
    return (f"{machine['cpu']}, {machine['cores']} cores ({', '.join(machine['flags'])}), "
            f"{machine['memory_gb']} GB, load {machine['load_at_start']} at the start")


def describe_versions(peer_versions):
    def output(*command):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "unknown"
    changed = output("git", "status", "--porcelain", "--untracked-files=no") != "unknown"
    return peer_versions | {
        "python": platform.python_version(), "compiler": output("c++", "--version"),
        "prm": output("git", "rev-parse", "--short", "HEAD") + (" with changes" if changed else "")}


def write_report(folder, topic, report, text):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{topic}.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / f"{topic}.md").write_text(text)
    print(text)


class Programs:
    """Starts programs and records their commands without this machine's paths."""

    def __init__(self, names):
        """names: [(path, its replacement)]; of two with a common prefix the longer one first."""
        self.names = [*names, (ROOT, ".")]
        self.commands = []
        self.environment = dict(os.environ, TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1",
                                TORCHINDUCTOR_CACHE_DIR=str(ROOT / ".cache/inductor"))

    def note(self, command):
        """The command in the form that subprocess takes."""
        command = [str(part) for part in command]
        shown = " ".join(self.public(part) for part in command)
        if shown not in self.commands:
            self.commands.append(shown)
        return command

    def run(self, name, command):
        done = subprocess.run(self.note(command), env=self.environment, text=True,
                              capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{name} failed ({done.returncode}):\n{done.stdout}{done.stderr}")

    def public(self, part):
        for path, name in self.names:
            part = part.replace(str(path), name)
        return part


class Worker:
    """A program that prints {} when it is ready, and answers each line of input with one line of
    JSON."""

    def __init__(self, name, programs, command, errors):
        self.name, self.errors = name, pathlib.Path(errors)
        with open(self.errors, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(programs.note(command), env=programs.environment,
                                            text=True, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=out)

    def ask(self, command):
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; its error output has the reason
        return self.answer(f"at \"{command}\"")

    def answer(self, when="while it loaded"):
        answer = self.process.stdout.readline()
        if not answer:
            code = self.process.wait()
            raise SystemExit(f"{self.name} ended with {code} {when}:\n"
                             + self.errors.read_text()[-4000:])
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
