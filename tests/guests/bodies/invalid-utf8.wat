(i32.store (i32.const 4096) (i32.const 0xfffefdfc)) (i32.store (i32.const 1048) (i32.const 4096)) (i32.store (i32.const 1052) (i32.const 4))
