(loop $l (call $log (i32.const 0) (i32.const 0) (i32.const 0)) (br $l))
