(loop $l (drop (memory.grow (i32.const 100))) (br $l))
