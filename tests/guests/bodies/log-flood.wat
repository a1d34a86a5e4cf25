(local $i i32) (loop $l (call $log (i32.const 1) (i32.const 2048) (i32.const 4)) (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 5000))))
