"""What a run can be told, and what is said of each design: one module a design family, importable without torch."""

from reference_impls.configs.base import CapacityConfig, ConfigError, RunConfig, TopKConfig, check_config, setting

__all__ = ["CapacityConfig", "ConfigError", "RunConfig", "TopKConfig", "check_config", "setting"]
