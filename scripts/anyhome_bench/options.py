"""The command line of scripts/bench: what may be given, and all mistakes at once."""
import os
import pathlib

TOP = pathlib.Path(__file__).resolve().parent.parent.parent

# What one run of anyhome-bench measures, and everything else.
IN_PROCESS = ("paths", "routes", "stages", "workers", "churn", "tables")
PARTS = (*IN_PROCESS, "instructions", "agent", "unmodified", "wire", "control")
PATHS = ("to-mobile-node", "to-haha-link", "from-haha-link", "from-mobile-node", "miss", "io", "macswap",
         "exact-match", "lpm")
SIZES = (1000, 10_000, 100_000, 1_000_000, 4_000_000)
INDEXES = ("buckets", "rte-hash")  # the first one is the default of a home agent

FLAGS = ("quick", "help", "no-build")
# Numbers, from which to which.
NUMBERS = {"quiet-phases": (1, 10_000), "seconds": (1, 3600), "packets": (256, 10**9)}
READ = ("against", "from")
WRITTEN = ("json", "csv", "plot")
PLACES = (*READ, *WRITTEN, "docs", "build")
ALL = (*FLAGS, "only", "bindings", "binding-index", *NUMBERS, *PLACES)


class Options:
    def __init__(self):
        self.only, self.bindings = [], []
        self.quick = self.help = self.no_build = False
        self.binding_index = "both"
        self.quiet_phases = self.seconds = self.packets = None
        self.json = self.csv = self.against = self.plot = self.docs = self.from_ = None
        self.build = TOP / "build"

    def indexes(self):
        return INDEXES if self.binding_index == "both" else (self.binding_index,)

    def wanted(self):
        """Parts, in order."""
        single = any(name in PATHS for name in self.only)
        return [part for part in PARTS
                if not self.only or part in self.only or (part == "paths" and single)]


def read(words):
    """Options and mistakes."""
    options, mistakes = Options(), []
    seen = set()

    def number(name, text, low, high):
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            mistakes.append(f"--{name} {text}: give a number from {low} to {high}")
            return low
        return int(text)

    def several(name, values):
        if not values:
            mistakes.append(f"--{name}: nothing is given")
        for value in (part for text in values for part in text.split(",")):
            if name == "bindings":
                options.bindings.append(number(name, value, 1, 16_000_000))
            elif value in PARTS + PATHS:
                options.only.append(value)
            else:
                mistakes.append(f"--only {value}: there is no such part, path or reference; give some of "
                                + " ".join(PARTS + PATHS))

    def one(name, value):
        if name in NUMBERS:
            value = number(name, value, *NUMBERS[name])
        elif name == "binding-index":
            if value not in (*INDEXES, "both"):
                mistakes.append(f"--binding-index {value}: give {', '.join(INDEXES)} or both")
        else:
            if name in (*READ, "docs") and not os.path.isfile(value):
                mistakes.append(f"--{name} {value}: there is no such file")
            if name in WRITTEN and not pathlib.Path(value).resolve().parent.is_dir():
                mistakes.append(f"--{name} {value}: there is no such directory")
            value = pathlib.Path(value).resolve()
        setattr(options, "from_" if name == "from" else name.replace("-", "_"), value)

    words = ["--help" if word == "-h" else word for word in words]
    while words:
        word = words.pop(0)
        name, equals, given = word.removeprefix("--").partition("=")
        values = [given] if equals else []
        while words and not words[0].startswith("--") and not equals:
            values.append(words.pop(0))
        if not word.startswith("--") or name not in ALL:
            mistakes.append(f"{word}: there is no such option (--help lists them)")
        elif name in seen:
            mistakes.append(f"--{name}: given twice")
        elif name in FLAGS:
            setattr(options, name.replace("-", "_"), True)
            mistakes += [f"{value}: what is that? --{name} takes nothing" for value in values]
        elif name in ("only", "bindings"):
            several(name, values)
        elif len(values) != 1:
            mistakes.append(f"--{name}: give one value, not {len(values)}")
        else:
            one(name, values[0])
        seen.add(name)
    if options.from_ and (options.only or options.bindings or options.quick):
        mistakes.append("--from measures nothing: --only, --bindings and --quick have no meaning with it")
    return options, mistakes
