;; Asks for a tebibyte of random bytes.
(module
    (import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
;; @memory
;; @describe
;; @check-settings
;; @pass
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (call $random (i64.const 0x10000000000) (i32.const 0))
        (global.get $pass))
)
