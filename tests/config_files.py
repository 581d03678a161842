"""The config.json files of released models."""

from pathlib import Path

CONFIGS = Path(__file__).parent / "moe_kb/importing/configs"
RELEASED = {path.stem: path.read_text() for path in sorted(CONFIGS.glob("*.json"))}
