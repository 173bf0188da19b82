"""The command line: arguments in, one sentence out when something is wrong."""
