"""Many visitors of the page at once: is everybody served, and by an answer of one's own?"""
