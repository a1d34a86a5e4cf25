;; Has one tool run, then passes.
(module
    (import "orch:gate/tools@0.1.0" "run"
        (func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
;; @memory
;; @describe
;; @check-settings
;; @pass
    (data (i32.const 512) "tool")
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (call $run
            (i32.const 512) (i32.const 4)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 64))
        (global.get $pass))
)
