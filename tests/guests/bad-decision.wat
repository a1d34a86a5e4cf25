;; Returns a decision that the contract does not have.
(module
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (i32.store8 (i32.const 8) (i32.const 9))
        (i32.const 0))
)
