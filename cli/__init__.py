"""The command line: one module per command."""

if __name__ != "unistd.cli":
    raise ImportError("import unistd.cli, not cli")
