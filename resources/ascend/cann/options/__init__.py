"""ATC's options: their spelling, their files, their way there and back, and what is wrong with them."""
