(drop (memory.grow (i32.const 900))) (i32.store (i32.const 1064) (i32.const 65536)) (i32.store (i32.const 1068) (i32.const 1000000))
