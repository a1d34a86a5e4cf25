(nop)
