(loop $l (br $l))
