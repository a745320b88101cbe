"""Why does a member stand where they stand, what comes next by itself, and what could they do?"""
