;; Asks the host for the task while it is only asked about settings.
(module
    (import "orch:gate/task@0.1.0" "settings" (func $settings (param i32)))
;; @memory
;; @describe
    (func (export "orch:gate/gate@0.1.0#check-settings") (param i32 i32) (result i32)
        (call $settings (i32.const 0))
        (unreachable))
;; @evaluate
)
