"""moe-kb: a queryable, sourced survey of Mixture-of-Experts."""
