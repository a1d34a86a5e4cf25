;; Asks the host for its settings while it is only asked what it is.
(module
    (import "orch:gate/task@0.1.0" "settings" (func $settings (param i32)))
;; @memory
    (func (export "orch:gate/gate@0.1.0#describe") (result i32)
        (call $settings (i32.const 0))
        (unreachable))
;; @check-settings
;; @evaluate
)
