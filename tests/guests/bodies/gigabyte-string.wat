(i32.store (i32.const 1072) (i32.const 0)) (i32.store (i32.const 1076) (i32.const 0x40000000))
