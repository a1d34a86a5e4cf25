;; Waits for as long as a random number says: what it answers shows what it was given.
(module
    (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (i32.store8 (i32.const 8) (i32.const 2))
        (i64.store (i32.const 16) (call $random))
        (i32.const 0))
)
