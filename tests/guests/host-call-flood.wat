;; Calls the host for ever.
(module
    (import "orch:gate/task@0.1.0" "settings" (func $settings (param i32)))
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (loop $more
            (global.set $heap (i32.const 65536))
            (call $settings (i32.const 0))
            (br $more))
        (unreachable))
)
