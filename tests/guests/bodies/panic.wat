(unreachable)
