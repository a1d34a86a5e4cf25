;; Hands over a log line of 8 MiB.
(module
    (import "orch:gate/task@0.1.0" "log" (func $log (param i32 i32 i32)))
;; @memory
;; @describe
;; @check-settings
;; @pass
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (drop (memory.grow (i32.const 160)))
        (call $log (i32.const 1) (i32.const 65536) (i32.const 0x800000))
        (global.get $pass))
)
