;; Logs more lines than are kept, then passes.
(module
    (import "orch:gate/task@0.1.0" "log" (func $log (param i32 i32 i32)))
;; @memory
;; @describe
;; @check-settings
;; @pass
    (data (i32.const 512) "line")
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (local $count i32)
        (loop $more
            (call $log (i32.const 1) (i32.const 512) (i32.const 4))
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $count) (i32.const 2000))))
        (global.get $pass))
)
