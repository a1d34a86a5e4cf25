(drop (memory.grow (i32.const 10))) (i32.store (i32.const 1064) (i32.const 65536)) (i32.store (i32.const 1068) (i32.const 2000))
