"""The exception tree of both distributions.

    TombolaError                 an error that a user can cause or repair
    ├── BadAudio (ValueError)        an unusable recording
    ├── BadBundle (ValueError)       a bundle that is damaged, of an unknown version or too large
    ├── BadConfig (ValueError)       an invalid configuration file or option
    ├── BadRun (ValueError)          a run directory that is damaged or of another version
    ├── ShapeError (ValueError)      an array of the wrong shape or type
    ├── DeviceUnavailable (OSError)  a missing card, port or pin
    ├── FlashError (OSError)         a flash that did not finish
    └── StoreError (OSError)         a slot that cannot be written or read

The message is one sentence: what is wrong, where, and what to do.
"""


class TombolaError(Exception):
    """Root of all errors that the user sees as one sentence."""


class BadAudio(TombolaError, ValueError):
    """A recording cannot be used."""


class BadBundle(TombolaError, ValueError):
    """A bundle is damaged, of an unknown version, or too large."""


class BadConfig(TombolaError, ValueError):
    """A configuration file or an option is invalid."""


class BadRun(TombolaError, ValueError):
    """A run directory is damaged or was made by another version."""


class ShapeError(TombolaError, ValueError):
    """An array has the wrong shape or type."""


class DeviceUnavailable(TombolaError, OSError):
    """A sound card, port or pin is missing."""


class FlashError(TombolaError, OSError):
    """A flash did not finish; the device keeps its earlier bundle."""


class StoreError(TombolaError, OSError):
    """A slot cannot be written or read."""
