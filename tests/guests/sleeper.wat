;; Sleeps for an hour on the clock of WASI.
(module
    (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
    (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
;; @memory
;; @describe
;; @check-settings
;; @pass
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (call $block (call $after (i64.const 3600000000000)))
        (global.get $pass))
)
