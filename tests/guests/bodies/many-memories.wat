(drop (memory.grow $b (i32.const 400))) (drop (memory.grow $c (i32.const 400))) (drop (memory.grow $d (i32.const 400)))
