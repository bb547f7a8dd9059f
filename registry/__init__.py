"""Discovery of plug-ins, validation of specs, composition of a run."""

if __name__ != "unistd.registry":
    raise ImportError("import unistd.registry, not registry")
