(drop (memory.grow (i32.const 200))) (memory.fill (i32.const 65536) (i32.const 97) (i32.const 8388608)) (i32.store (i32.const 1072) (i32.const 65536)) (i32.store (i32.const 1076) (i32.const 8388608))
