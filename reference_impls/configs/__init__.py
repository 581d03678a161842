"""What a run can be told: one pydantic class per implementation, importable without torch."""

from reference_impls.configs.base import ConfigError, TextConfig, check_config
from reference_impls.configs.deepseek_v3 import DeepSeekV3Config
from reference_impls.configs.gshard import GShardTop2Config
from reference_impls.configs.mixtral import MixtralTop2Config
from reference_impls.configs.switch import SwitchTop1Config

__all__ = [
    "ConfigError",
    "DeepSeekV3Config",
    "GShardTop2Config",
    "MixtralTop2Config",
    "SwitchTop1Config",
    "TextConfig",
    "check_config",
]
