"""Advice on several cards: what data, pipeline and tensor parallelism would give a model, from memory and roofline.

Here belong the arithmetic and its words. Not here: running a model on several cards, which nothing in this project
does; and communication, whose speed no table here has.
"""
