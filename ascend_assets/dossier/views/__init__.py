"""What each section of the page says, as plain frozen data: texts are chosen here, markup in `templates/`.

One module per section or two that belong together. Not here: facts (`content`), drawings (`charts`).
"""
