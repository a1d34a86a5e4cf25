;; Ends the program with success instead of returning a verdict.
(module
    (import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (call $exit (i32.const 0))
        (unreachable))
)
