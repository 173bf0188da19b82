"""The exception tree of both distributions.

    TombolaError                 every error that a user can cause or mend: one sentence
    ├── BadAudio (ValueError)        a recording that cannot be used
    ├── BadBundle (ValueError)       a bundle that is damaged, unknown or beyond its limits
    ├── BadConfig (ValueError)       a configuration file or option that cannot be understood
    ├── BadRun (ValueError)          a run directory that is damaged or from another version
    ├── ShapeError (ValueError)      an array of the wrong shape or type
    ├── DeviceUnavailable (OSError)  a card, port or pin that is not there
    ├── FlashError (OSError)         a flash that did not complete
    └── StoreError (OSError)         a slot that could not be written or read

A message says what is wrong, where, and what to do, in one sentence.
"""


class TombolaError(Exception):
    """Root of all errors that are shown to a user as one sentence."""


class BadAudio(TombolaError, ValueError):
    """A recording cannot be used."""


class BadBundle(TombolaError, ValueError):
    """A bundle is damaged, of an unknown version, or beyond its limits."""


class BadConfig(TombolaError, ValueError):
    """A configuration file or an option cannot be understood."""


class BadRun(TombolaError, ValueError):
    """A run directory is damaged or was made by another version."""


class ShapeError(TombolaError, ValueError):
    """An array has the wrong shape or type."""


class DeviceUnavailable(TombolaError, OSError):
    """A sound card, port or pin is not there."""


class FlashError(TombolaError, OSError):
    """A flash did not complete; what the device played before is untouched."""


class StoreError(TombolaError, OSError):
    """A slot could not be written or read."""
