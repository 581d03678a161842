"""What every sparse design shares: routing results, the layer, expert banks, dispatch, losses, metrics.

Shape legend of the whole package, used as name suffixes (`x_TD` is tokens by width): T tokens, D model
width, E experts, K chosen per token, A assignments (a token sent to an expert; A = T * K where none is
dropped), R rows of one expert, F expert hidden width, G routing groups, B batch, S sequence, H heads,
V vocabulary.
"""
