(i32.store (i32.const 1048) (i32.const 0x7fffff00)) (i32.store (i32.const 1052) (i32.const 16))
