"""The version of the package, read by the build, the command line and the workers' protocol."""

__version__ = "0.2.0"
