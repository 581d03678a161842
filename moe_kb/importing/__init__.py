"""Reading other people's configuration files into records; what is not understood is refused, never guessed."""

from moe_kb.importing.hf import Imported, RefusedError, read_config, read_config_file

__all__ = ["Imported", "RefusedError", "read_config", "read_config_file"]
