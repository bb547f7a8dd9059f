"""Plug-ins that ship with unistd; each enters through the same entry point as a third party's."""

if __name__ != "unistd.plugins":
    raise ImportError("import unistd.plugins, not plugins")
