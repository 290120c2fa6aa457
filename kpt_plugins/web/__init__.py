"""``kpt web``: annotating supports and looking at predictions in the browser.

The state is plain values and pure functions; only :mod:`page` and what it is made of know Gradio.
"""
