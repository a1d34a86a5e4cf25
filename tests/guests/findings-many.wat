;; Returns one finding more than a verdict may have.
(module
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (i32.store (i32.const 40) (i32.const 65536))
        (i32.store (i32.const 44) (i32.const 501))
        (i32.const 0))
)
