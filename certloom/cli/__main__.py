"""`python -m certloom.cli` is the command line without an installed `certloom`."""

from certloom.cli.app import main

main()
