;; Wants something that is not in the contract.
(module
    (import "stranger:things/door@1.0.0" "open" (func $open))
;; @memory
;; @describe
;; @check-settings
;; @pass
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (call $open)
        (global.get $pass))
)
