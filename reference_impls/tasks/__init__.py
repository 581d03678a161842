"""Real data, small models and the training loop that the implementations are run on."""
